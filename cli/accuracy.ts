import { AppError } from '../src/protocol/errors';
import type { SystemId, TraceFile } from '../src/protocol/trace';
import type { Question } from './questions';

export interface AccuracyRow {
  system: SystemId;
  questions: number;
  em: number;
  f1: number;
  accuracy: number;
  /** Share of questions whose gold passages were all in the generator's context. */
  goldInContext: number;
  /** Searches per question, the first one included. */
  searches: number;
  secondsPerQuestion: number;
}

/** Means over the runs of one system. */
export class AccuracyTally {
  readonly #system: SystemId;
  readonly #sum = { em: 0, f1: 0, accuracy: 0, goldInContext: 0, searches: 0, ms: 0 };
  #count = 0;

  constructor(system: SystemId) {
    this.#system = system;
  }

  /** Throws when the run failed: a mean over fewer questions than were asked would mislead. */
  add(question: Question, { events }: TraceFile): this {
    const failed = events.find((event) => event.type === 'failed');
    if (failed !== undefined) {
      const { code, message, fix } = failed.error;
      throw new AppError(code, `${question.id}: ${message}`, { fix });
    }
    const scored = events.find((event) => event.type === 'scored');
    if (scored === undefined) {
      throw new AppError('BAD_INPUT', `${question.id} has no answer to compare with.`, {
        fix: 'Give questions with answers.',
      });
    }
    this.#count += 1;
    this.#sum.em += scored.em;
    this.#sum.f1 += scored.f1;
    this.#sum.accuracy += scored.accuracy;
    this.#sum.goldInContext += scored.goldInContext === true ? 1 : 0;
    this.#sum.searches += events.filter((event) => event.type === 'retrieved').length;
    this.#sum.ms += events.at(-1)?.atMs ?? 0;
    return this;
  }

  row(): AccuracyRow {
    const mean = (sum: number): number => (this.#count === 0 ? 0 : sum / this.#count);
    const { em, f1, accuracy, goldInContext, searches, ms } = this.#sum;
    return {
      system: this.#system,
      questions: this.#count,
      em: mean(em),
      f1: mean(f1),
      accuracy: mean(accuracy),
      goldInContext: mean(goldInContext),
      searches: mean(searches),
      secondsPerQuestion: mean(ms) / 1000,
    };
  }
}

export function accuracyLines(rows: readonly AccuracyRow[]): string[] {
  const cell = (text: string): string => text.padStart(10);
  return [
    [
      'system'.padEnd(16),
      ...['questions', 'accuracy', 'EM', 'F1', 'gold found', 'searches', 's/question'].map(cell),
    ].join(' '),
    ...rows.map((row) =>
      [
        row.system.padEnd(16),
        cell(String(row.questions)),
        ...[row.accuracy, row.em, row.f1, row.goldInContext].map((x) => cell(x.toFixed(3))),
        cell(row.searches.toFixed(2)),
        cell(row.secondsPerQuestion.toFixed(2)),
      ].join(' '),
    ),
  ];
}
