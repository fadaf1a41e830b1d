/**
 * How much work goes into one submit. A long submit holds the screen and the abort button, and some systems reset the
 * graphics device after two seconds; a short one wastes the time between submits.
 */
const LIMIT_MS = 100;
/** What is aimed at, since the next submit may be slower than the last. */
const AIM_MS = 70;

export const MAX_STEPS = 16;
const MIN_ROWS = 32;

export class Pace {
  readonly #maxSteps: number;
  readonly #maxRows: number;
  /** Milliseconds of one decode step, by number of rows. */
  readonly #stepMs = new Map<number, number>();
  #steps = 1;
  #rows: number;

  /** @param fixedSteps Takes so many decode steps a submit instead of measuring. */
  constructor(
    maxRows: number,
    private readonly fixedSteps?: number,
  ) {
    this.#maxRows = maxRows;
    this.#maxSteps = fixedSteps ?? MAX_STEPS;
    this.#rows = maxRows;
  }

  /** Decode steps of the next submit. Grows by doubling: the first measurements include what is done only once. */
  steps(rows: number): number {
    if (this.fixedSteps !== undefined) return this.fixedSteps;
    const ms = this.#stepMs.get(rows);
    if (ms === undefined) return 1;
    const affordable = Math.floor(AIM_MS / Math.max(ms, 0.01));
    const wanted = Math.min(this.#maxSteps, this.#steps * 2, affordable);
    return 2 ** Math.floor(Math.log2(Math.max(1, wanted)));
  }

  recordSteps(rows: number, steps: number, ms: number): void {
    const before = this.#stepMs.get(rows);
    const now = ms / steps;
    this.#stepMs.set(rows, before === undefined ? now : (before + now) / 2);
    this.#steps = steps;
  }

  /** Rows of the next prefill submit. */
  get rows(): number {
    return this.#rows;
  }

  /** Only for full submits that followed one another. */
  recordRows(rows: number, ms: number): void {
    if (ms > LIMIT_MS && rows >= 2 * MIN_ROWS) this.#rows = Math.floor(rows / 2);
    else if (ms < AIM_MS / 2) this.#rows = Math.min(this.#maxRows, Math.max(this.#rows, rows * 2));
  }
}
