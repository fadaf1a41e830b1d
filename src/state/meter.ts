/** Rate and time left of something that reports how far it is. Time comes in, so that tests need no clock. */
import type { Progress } from '../protocol/retrieval';

export interface Measured extends Progress {
  fraction: number;
  /** Units per second over the last few seconds; 0 until known. */
  rate: number;
  /** Seconds left; null until a rate is known. */
  secondsLeft: number | null;
}

const WINDOW_MS = 5_000;
const SETTLE_MS = 400;

export class Meter {
  #samples: { at: number; done: number }[] = [];
  #counted = '';

  measure(progress: Progress, nowMs: number): Measured {
    const last = this.#samples.at(-1);
    // Files that are read here, one after the other, are counted together.
    const counted = `${progress.unit} ${progress.local ? 'here' : (progress.label ?? '')}`;
    // Another count, or one that falls, is a new file or a new try: the old rate says nothing about it.
    if (counted !== this.#counted || (last && progress.done < last.done)) this.#samples = [];
    this.#counted = counted;
    this.#samples.push({ at: nowMs, done: progress.done });
    while (this.#samples.length > 2 && nowMs - (this.#samples[0]?.at ?? nowMs) > WINDOW_MS)
      this.#samples.shift();
    const first = this.#samples[0];
    const elapsed = first ? nowMs - first.at : 0;
    const rate = first && elapsed >= SETTLE_MS ? ((progress.done - first.done) / elapsed) * 1000 : 0;
    const left = Math.max(0, progress.total - progress.done);
    return {
      ...progress,
      fraction: progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0,
      rate,
      secondsLeft: rate > 0 ? left / rate : null,
    };
  }
}
