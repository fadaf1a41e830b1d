/** Runs units a few at a time and hands every finished one on before it counts as done. */
import { AppError, isAbort, type ErrorCode } from '../../protocol/errors';
import type { FinishedQuestion } from './run-question';
import type { Unit } from './plan';

export interface UnitRunner {
  concurrency: number;
  run(unit: Unit, signal: AbortSignal): Promise<FinishedQuestion>;
  /** Resolves when the result is stored. */
  store(unit: Unit, finished: FinishedQuestion): Promise<void>;
  onStart(unit: Unit): void;
  onEnd(unit: Unit): void;
}

/** Failures that the next question will meet as well. */
const SHARED: ReadonlySet<ErrorCode> = new Set([
  'AUTH',
  'CORS',
  'DEVICE_LOST',
  'NETWORK',
  'NOT_FOUND',
  'OUT_OF_MEMORY',
  'PERMISSION',
  'RATE_LIMITED',
]);
/** So many of them one after another, with nothing that succeeds between, end the run: there is no point in failing the rest. */
const IN_A_ROW = 10;

/**
 * Units under way when the signal fires are given up without a result; nothing new begins after it.
 * @param queue is emptied from the front
 * @throws what `store` throws, or the reason for which everything fails; all that was under way has ended then
 */
export async function runUnits(queue: Unit[], runner: UnitRunner, outer: AbortSignal): Promise<void> {
  const inner = new AbortController();
  const signal = AbortSignal.any([outer, inner.signal]);
  const limit = Math.max(IN_A_ROW, 2 * runner.concurrency);
  // A function, since the signal fires while something is awaited.
  const stopped = (): boolean => signal.aborted;
  let row = 0;
  let broken: unknown;

  const watch = ({ result }: FinishedQuestion): void => {
    if (result.status === 'ok' || !SHARED.has(result.error.code)) row = 0;
    else if (++row >= limit) {
      const { code, message, fix } = result.error;
      throw new AppError(code, `${limit} questions failed in a row, the last one because: ${message}`, {
        fix: `${fix} Then start the evaluation again and run what failed.`.trim(),
        recoverable: true,
      });
    }
  };

  async function worker(): Promise<void> {
    for (let unit = queue.shift(); unit && !stopped(); unit = queue.shift()) {
      runner.onStart(unit);
      try {
        const finished = await runner.run(unit, signal);
        await runner.store(unit, finished);
        runner.onEnd(unit);
        watch(finished);
      } catch (error) {
        runner.onEnd(unit);
        if (stopped() && isAbort(error)) return;
        broken ??= error;
        inner.abort();
        return;
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(runner.concurrency, queue.length) }, worker));
  if (broken !== undefined) throw broken as Error;
}
