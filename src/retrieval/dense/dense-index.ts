/** What a dense backend offers, and the one that runs everywhere. */
import type { VectorSearchSettings } from '../../protocol/corpus';
import { throwIfAborted } from '../../protocol/errors';
import { TopKHeap, type TopK } from '../top-k';
import { createPauser } from '../yielding';
import type { ByteRows } from './byte-rows';
import type { FloatRows } from './float-rows';
import type { SignRows } from './sign-rows';

/** Rows that a search can end with. */
export type DenseRows = FloatRows | ByteRows;

/** All exact backends give the same rows in the same order: score descending, then row ascending. */
export interface DenseIndex {
  readonly count: number;
  readonly dimensions: number;
  /** `topK` rows for each query, or all where there are fewer. @throws AppError BAD_INPUT, ABORTED */
  search(
    queries: readonly Float32Array[],
    topK: number,
    signal?: AbortSignal,
    /** Of those that are not exact. */
    settings?: Partial<VectorSearchSettings>,
  ): Promise<TopK[]>;
  /** Gives back memory and devices; the index is of no use afterwards. */
  dispose?(): void;
}

/** Rows between two looks at the clock. */
const BLOCK_ROWS = 1024;

/** Plain TypeScript: the measure of all others. */
export class PlainIndex<Rows extends DenseRows | SignRows = DenseRows> implements DenseIndex {
  constructor(readonly rows: Rows) {}

  get count(): number {
    return this.rows.count;
  }

  get dimensions(): number {
    return this.rows.dimensions;
  }

  async search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    throwIfAborted(signal);
    const { rows, count } = this;
    const pause = createPauser(signal);
    const scans = queries.map((query) => ({
      scorer: rows.scorer(query),
      heap: new TopKHeap(Math.min(topK, count)),
    }));
    for (let start = 0; start < count; start += BLOCK_ROWS) {
      const end = Math.min(start + BLOCK_ROWS, count);
      for (const { scorer, heap } of scans) {
        let { threshold } = heap;
        for (let row = start; row < end; row++) {
          const score = scorer.score(row);
          // Rows ascend, so an equal one comes after those that are there.
          if (score <= threshold) continue;
          heap.push(row, score);
          ({ threshold } = heap);
        }
      }
      await pause();
    }
    return scans.map(({ heap }) => heap.take());
  }
}
