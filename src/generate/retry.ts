import type { Clock } from '../protocol/clock';
import type { AppError } from '../protocol/errors';

/** A failure that another attempt may cure. Never leaves `withRetries`: what comes out is `failure`. */
export class Retryable extends Error {
  constructor(
    readonly failure: AppError,
    readonly retryAfterMs?: number,
  ) {
    super(failure.message);
  }
}

export interface RetryPolicy {
  /** Attempts after the first. */
  retries: number;
  /** Wait before the first retry; doubles each time. */
  baseMs: number;
  maxMs: number;
  /** A longer `Retry-After` is cut to this. */
  maxRetryAfterMs: number;
}

export const DEFAULT_RETRIES: RetryPolicy = {
  retries: 3,
  baseMs: 500,
  maxMs: 8_000,
  maxRetryAfterMs: 60_000,
};

/** Exponential backoff with half of it random, so that clients that failed together do not come back together. */
export function waitMs(
  policy: RetryPolicy,
  attempt: number,
  random: () => number,
  retryAfterMs?: number,
): number {
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, policy.maxRetryAfterMs);
  return Math.min(policy.maxMs, policy.baseMs * 2 ** attempt) * (0.5 + random() / 2);
}

/** `Retry-After` in its two forms, seconds and HTTP date; `nowMs` is wall-clock time. */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

export interface RetryTools {
  policy: RetryPolicy;
  clock: Clock;
  random: () => number;
  signal?: AbortSignal | undefined;
}

/** Runs an attempt again while it fails with `Retryable` before its first item; after that, items cannot be taken back. */
export async function* withRetries<T>(attempt: () => AsyncIterable<T>, tools: RetryTools): AsyncGenerator<T> {
  for (let failures = 0; ; failures++) {
    let started = false;
    try {
      for await (const item of attempt()) {
        started = true;
        yield item;
      }
      return;
    } catch (error) {
      if (!(error instanceof Retryable)) throw error;
      if (started || failures >= tools.policy.retries) throw error.failure;
      await tools.clock.sleep(waitMs(tools.policy, failures, tools.random, error.retryAfterMs), tools.signal);
    }
  }
}
