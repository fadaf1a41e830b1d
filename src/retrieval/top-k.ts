/** The best rows of one query, best first: score descending, then row ascending. */
export interface TopK {
  rows: Uint32Array;
  scores: Float64Array;
}

/**
 * Keeps the k best (row, score) pairs of a stream in a bounded heap with the worst on top.
 * Ties go to the lower row whatever the order of arrival, so every backend ranks alike.
 */
export class TopKHeap {
  readonly #rows: Uint32Array;
  readonly #scores: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#rows = new Uint32Array(capacity);
    this.#scores = new Float64Array(capacity);
  }

  /** Scores below this cannot enter any more; −∞ while there is room. */
  get threshold(): number {
    return this.#size < this.#rows.length ? -Infinity : (this.#scores[0] ?? Infinity);
  }

  push(row: number, score: number): void {
    if (this.#size < this.#rows.length) {
      this.#place(this.#size, row, score);
      this.#size++;
      this.#up(this.#size - 1);
    } else if (this.#rows.length > 0 && this.#worse(this.#rows[0] ?? 0, this.#scores[0] ?? 0, row, score)) {
      this.#place(0, row, score);
      this.#down(0);
    }
  }

  /** Empties the heap. */
  take(): TopK {
    const rows = new Uint32Array(this.#size);
    const scores = new Float64Array(this.#size);
    for (let i = this.#size - 1; i >= 0; i--) {
      rows[i] = this.#rows[0] ?? 0;
      scores[i] = this.#scores[0] ?? 0;
      this.#size--;
      this.#place(0, this.#rows[this.#size] ?? 0, this.#scores[this.#size] ?? 0);
      this.#down(0);
    }
    return { rows, scores };
  }

  #worse(row: number, score: number, thanRow: number, thanScore: number): boolean {
    return score < thanScore || (score === thanScore && row > thanRow);
  }

  #isWorse(i: number, j: number): boolean {
    return this.#worse(this.#rows[i] ?? 0, this.#scores[i] ?? 0, this.#rows[j] ?? 0, this.#scores[j] ?? 0);
  }

  #place(i: number, row: number, score: number): void {
    this.#rows[i] = row;
    this.#scores[i] = score;
  }

  #swap(i: number, j: number): void {
    const row = this.#rows[i] ?? 0;
    const score = this.#scores[i] ?? 0;
    this.#place(i, this.#rows[j] ?? 0, this.#scores[j] ?? 0);
    this.#place(j, row, score);
  }

  #up(start: number): void {
    for (let i = start; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!this.#isWorse(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(start: number): void {
    for (let i = start; ;) {
      let worst = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.#size && this.#isWorse(child, worst)) worst = child;
      }
      if (worst === i) return;
      this.#swap(i, worst);
      i = worst;
    }
  }
}
