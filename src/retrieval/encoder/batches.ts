/** Work per run of the model, in padded tokens: grows while runs are short, so that progress and aborts stay lively. */
const FIRST_BUDGET = 512;
const MIN_BUDGET = 128;
const MAX_BUDGET = 16_384;
const MAX_ROWS = 128;
const SHORT_MS = 120;
const LONG_MS = 400;

/** Sizes batches by how long the last ones took, on whatever device this is. */
export class BatchSizer {
  #budget = FIRST_BUDGET;

  /** How many of the texts from `start` on to take; `lengths` ascend, so the last one taken sets the padding. */
  take(lengths: readonly number[], start: number): number {
    let rows = 1;
    while (start + rows < lengths.length && rows < MAX_ROWS) {
      const padded = lengths[start + rows] ?? 0;
      if (padded * (rows + 1) > this.#budget) break;
      rows++;
    }
    return rows;
  }

  /** Only a batch that used most of the budget says anything about it. */
  record(tokens: number, tookMs: number): void {
    if (tookMs > LONG_MS) this.#budget = Math.max(MIN_BUDGET, Math.floor(this.#budget / 2));
    else if (tookMs < SHORT_MS && tokens > this.#budget / 2)
      this.#budget = Math.min(MAX_BUDGET, this.#budget * 2);
  }
}
