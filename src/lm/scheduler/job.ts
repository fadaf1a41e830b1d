import type { Slots } from './slots';

/** What waits in the scheduler's queue. */
export interface Job {
  readonly signal: AbortSignal | undefined;
  /** Takes the slots it needs; false while there are none for it. */
  start(slots: Slots): boolean;
  /** About a submit's worth of work; nothing of it may lie in the activations afterwards. `decode`: from now on it is one row of the common decode steps. */
  advance(): Promise<'more' | 'decode' | 'done'>;
  /** Gives its slots back and rejects its promise. */
  fail(error: unknown): void;
}

/** A promise that is settled from outside, once. */
export class Outcome<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => undefined;
  reject: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
