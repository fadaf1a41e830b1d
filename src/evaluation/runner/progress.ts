/** How far an evaluation is, and how long the rest may take. */
import {
  resultKeyText,
  type EvaluationProgress,
  type QuestionResult,
  type ResultKey,
} from '../evaluation-types';
import type { Unit } from './plan';

interface Tally {
  planned: number;
  ok: number;
  failed: number;
  /** Sum over the answered ones that have an accuracy, and how many these are. */
  accuracy: number;
  scored: number;
}

export class ProgressTally {
  readonly #units: readonly Unit[];
  readonly #newest = new Map<string, QuestionResult>();
  readonly #bySystem = new Map<string, Tally>();
  readonly #running = new Map<string, ResultKey>();
  /** Seconds of questions that this stretch has finished, by system, and how many. */
  readonly #spent = new Map<string, { seconds: number; count: number }>();

  constructor(units: readonly Unit[], newest: ReadonlyMap<string, QuestionResult>) {
    this.#units = units;
    for (const { of } of units) this.#tally(of.label).planned++;
    for (const { key } of units) {
      const result = newest.get(key);
      if (result) this.#count(key, result);
    }
  }

  started({ key, system, dataset, questionId, seed }: Unit): void {
    this.#running.set(key, { system, dataset, questionId, seed });
  }

  /** Whatever became of it. */
  ended(key: string): void {
    this.#running.delete(key);
  }

  add(result: QuestionResult): void {
    this.#count(resultKeyText(result), result);
    const spent = this.#spent.get(result.system) ?? { seconds: 0, count: 0 };
    this.#spent.set(result.system, { seconds: spent.seconds + result.seconds, count: spent.count + 1 });
  }

  get ok(): number {
    return this.#sum('ok');
  }

  get failed(): number {
    return this.#sum('failed');
  }

  /** @param elapsedMs of this stretch; @param queued what it has still to begin */
  progress(elapsedMs: number, queued: readonly Unit[]): EvaluationProgress {
    return {
      planned: this.#units.length,
      ok: this.ok,
      failed: this.failed,
      running: [...this.#running.values()],
      elapsedMs,
      remainingMs: this.#remainingMs(elapsedMs, queued),
      bySystem: Object.fromEntries(
        [...this.#bySystem].map(([label, { planned, ok, failed, accuracy, scored }]) => [
          label,
          { planned, ok, failed, accuracy: scored === 0 ? null : accuracy / scored },
        ]),
      ),
    };
  }

  /** What each system took so far, times what is left of it, over how many questions went on at once. */
  #remainingMs(elapsedMs: number, queued: readonly Unit[]): number | null {
    const all = [...this.#spent.values()];
    const seconds = all.reduce((sum, one) => sum + one.seconds, 0);
    const count = all.reduce((sum, one) => sum + one.count, 0);
    if (count === 0 || elapsedMs <= 0) return null;
    const mean = (label: string): number => {
      const own = this.#spent.get(label);
      return own ? own.seconds / own.count : seconds / count;
    };
    const left = queued.reduce((sum, { of }) => sum + mean(of.label), 0);
    // Those under way are half done on average.
    const under = [...this.#running.values()].reduce((sum, { system }) => sum + mean(system) / 2, 0);
    const atOnce = Math.max(seconds / (elapsedMs / 1000), Number.EPSILON);
    return (1000 * (left + under)) / Math.max(1, atOnce);
  }

  #sum(of: 'ok' | 'failed'): number {
    let sum = 0;
    for (const tally of this.#bySystem.values()) sum += tally[of];
    return sum;
  }

  #tally(label: string): Tally {
    let tally = this.#bySystem.get(label);
    if (!tally) this.#bySystem.set(label, (tally = { planned: 0, ok: 0, failed: 0, accuracy: 0, scored: 0 }));
    return tally;
  }

  #count(key: string, result: QuestionResult): void {
    const tally = this.#tally(result.system);
    const before = this.#newest.get(key);
    if (before) this.#apply(tally, before, -1);
    this.#apply(tally, result, 1);
    this.#newest.set(key, result);
  }

  #apply(tally: Tally, result: QuestionResult, sign: 1 | -1): void {
    if (result.status === 'failed') tally.failed += sign;
    else {
      const { accuracy } = result.metrics;
      tally.ok += sign;
      tally.accuracy += sign * (accuracy ?? 0);
      if (accuracy !== undefined) tally.scored += sign;
    }
  }
}
