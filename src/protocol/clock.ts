/** Time, handed in so that tests need not wait. */
export interface Clock {
  /** Milliseconds from an arbitrary beginning; never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with `ABORTED` when the signal fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** `globalThis.fetch`, or something that behaves like it. */
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;
