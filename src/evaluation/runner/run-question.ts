/** One system on one question: its trace, and the result that is kept of it. Never throws but for being stopped. */
import { makeSystem, type SystemParts } from '../../agent/systems';
import { traceFile } from '../../agent/trace-file';
import { waitMs, DEFAULT_RETRIES } from '../../generate/retry';
import type { Clock } from '../../protocol/clock';
import { AppError, isAbort, throwIfAborted, toEnvelope } from '../../protocol/errors';
import type { TraceEvent, TraceFile } from '../../protocol/trace';
import type { EvaluationLimits, QuestionResult } from '../evaluation-types';
import type { Unit } from './plan';
import { countRun, scoreQuestion, type AskJudge, type SettledRule } from './score-question';

export interface QuestionTools {
  /** Models, retrievers and settings of this system. */
  parts: Omit<SystemParts, 'clock'>;
  rule: SettledRule;
  askJudge: AskJudge | undefined;
  limits: Pick<EvaluationLimits, 'attempts' | 'questionSeconds'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** ISO 8601. */
  now: () => string;
}

export interface FinishedQuestion {
  result: QuestionResult;
  trace: TraceFile;
}

/** @throws AppError `ABORTED` when the signal fires: then there is nothing to keep */
export async function runQuestion(
  unit: Unit,
  attempt: number,
  tools: QuestionTools,
  signal: AbortSignal,
): Promise<FinishedQuestion> {
  for (let tries = 1; ; tries++) {
    const finished = await tryQuestion(unit, attempt, tools, signal);
    const { result } = finished;
    throwIfAborted(signal);
    if (result.status === 'ok' || !result.error.recoverable || tries >= tools.limits.attempts)
      return finished;
    await tools.clock.sleep(waitMs(DEFAULT_RETRIES, tries - 1, tools.random), signal);
  }
}

async function tryQuestion(
  unit: Unit,
  attempt: number,
  tools: QuestionTools,
  signal: AbortSignal,
): Promise<FinishedQuestion> {
  const { clock, parts, rule, askJudge, limits } = tools;
  const { of, question, seed, system: label, dataset, questionId } = unit;
  const startedAt = tools.now();
  const began = clock.now();
  const events: TraceEvent[] = [];
  let trace: Omit<TraceFile, 'format' | 'version' | 'events'> = {
    system: of.system,
    mode: 'paper',
    settings: {},
    startedAt,
  };
  const deadline = new Deadline(limits.questionSeconds, clock, signal);
  const shared = () => {
    const { notes, ...counts } = countRun(events);
    const key = { system: label, dataset, questionId, seed };
    return { notes, base: { ...key, attempt, startedAt, seconds: (clock.now() - began) / 1000, ...counts } };
  };
  const file = (): TraceFile => traceFile(trace, events);
  try {
    const { system, mode, settings } = makeSystem(of.system, { ...parts, clock: () => clock.now() });
    trace = { ...trace, mode, settings };
    const { goldAnswers, goldIds } = question;
    const options = { signal: deadline.signal, seed, goldAnswers, ...(goldIds && { goldIds }) };
    for await (const event of system.run(question.question, options)) {
      if (event.type !== 'delta') events.push(event);
    }
    const answer = requireAnswer(events);
    const metrics = await scoreQuestion(question, answer, events, rule, askJudge, deadline.signal);
    const { notes, base } = shared();
    return { result: { ...base, status: 'ok', answer, metrics, notes }, trace: file() };
  } catch (thrown) {
    throwIfAborted(signal);
    const error = toEnvelope(isAbort(thrown) && deadline.reason ? deadline.reason : thrown);
    return { result: { ...shared().base, status: 'failed', error }, trace: file() };
  } finally {
    deadline.end();
  }
}

/** A search that failed leaves an answer that says nothing about the system: the question counts as failed, not as wrong. */
function requireAnswer(events: readonly TraceEvent[]): string {
  const failed = events.find((event) => event.type === 'failed');
  if (failed) throw AppError.from(failed.error);
  const search = events.find((event) => event.type === 'retrieved' && event.error !== undefined);
  if (search?.type === 'retrieved') {
    throw new AppError('BAD_RESPONSE', `A search of this question failed: ${search.error ?? ''}`, {
      fix: 'Check the retriever, then run the failed questions again.',
      recoverable: true,
    });
  }
  const answered = events.findLast((event) => event.type === 'answered');
  if (answered) return answered.answer;
  throw new AppError('INTERNAL', 'The run ended without an answer.', {
    fix: 'Run the failed questions again; tell the authors if it stays so.',
  });
}

/** Fires with the evaluation's own signal, or when the time is up; then there is a reason. */
class Deadline {
  readonly signal: AbortSignal;
  reason: AppError | undefined;
  readonly #over = new AbortController();

  constructor(seconds: number | null, clock: Clock, outer: AbortSignal) {
    if (seconds === null) {
      this.signal = outer;
      return;
    }
    const late = new AbortController();
    this.signal = AbortSignal.any([outer, late.signal]);
    clock.sleep(seconds * 1000, AbortSignal.any([outer, this.#over.signal])).then(
      () => {
        this.reason = new AppError('TIMEOUT', `The question took longer than ${seconds} s.`, {
          fix: 'Give questions more time, or none to lose, in the limits of the evaluation.',
        });
        late.abort();
      },
      () => undefined, // The question was faster, or everything was stopped.
    );
  }

  end(): void {
    this.#over.abort();
  }
}
