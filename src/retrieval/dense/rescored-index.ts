/**
 * For corpora whose int8 rows are too many for the memory: one bit a component stays there, finds up to ten times as many candidates as
 * are asked for, and their int8 rows are read to score them. Not exact; see the recall in bench/README.md.
 */
import { AppError, throwIfAborted } from '../../protocol/errors';
import { TopKHeap, type TopK } from '../top-k';
import { ByteRows } from './byte-rows';
import { PlainIndex, type DenseIndex } from './dense-index';
import { RangedRows, type RangeReader } from './ranged-rows';
import { strideOf } from './shape';
import type { ResidentSigns } from './signs-file';
import type { ScanThreads } from './wasm/threads';
import { scanModule, WasmIndex } from './wasm/wasm-index';

/**
 * Candidates of a search: ten times as many as are asked for; fewer of many, since each is a read, and hybrid search asks for a hundred. Over 50,500
 * passages by the demo's encoder 99.3 % of the ten best are among 100, and of the hundred best 97.9 % among 400, 99.9 % among 1,000.
 */
export const candidatesOf = (topK: number): number => Math.min(10 * topK, Math.ceil(2.5 * topK) + 150);

const openSigns = (signs: ResidentSigns['signs'], threads: ScanThreads | undefined): DenseIndex =>
  scanModule(false) ? WasmIndex.open(signs, threads) : new PlainIndex(signs);

export class RescoredIndex implements DenseIndex {
  readonly #resident: ResidentSigns;
  /** Finds the candidates. */
  readonly #signs: DenseIndex;
  readonly #rows: RangedRows;
  readonly #candidates: (topK: number) => number;

  private constructor(
    resident: ResidentSigns,
    signs: DenseIndex,
    rows: RangedRows,
    candidates: (topK: number) => number,
  ) {
    this.#resident = resident;
    this.#signs = signs;
    this.#rows = rows;
    this.#candidates = candidates;
  }

  /**
   * `read` reads the `vectors.bin` of the same corpus; `index` searches the signs, where that is open already.
   * @throws AppError INTEGRITY where it is of another
   */
  static async open(
    resident: ResidentSigns,
    read: RangeReader,
    options: {
      /** How many are looked at. Default: `candidatesOf`. */
      candidates?: (topK: number) => number;
      threads?: ScanThreads;
      index?: DenseIndex;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<RescoredIndex> {
    const { signs } = resident;
    const stride = strideOf(signs.dimensions, 1);
    const rows = await RangedRows.open(read, stride, options.signal, resident.checks);
    if (rows.count !== signs.count) {
      throw new AppError('INTEGRITY', `There are ${signs.count} signs for ${rows.count} vectors.`, {
        fix: 'Build the index again.',
      });
    }
    const index = options.index ?? openSigns(signs, options.threads);
    return new RescoredIndex(resident, index, rows, options.candidates ?? candidatesOf);
  }

  /** A vector as its int8 row has it. */
  async rowAt(row: number, signal?: AbortSignal): Promise<Float32Array> {
    const { signs, byteScales } = this.#resident;
    const codes = await this.#rows.fetch([row], signal);
    const [scales, products] = [byteScales, signs.products].map((list) => list.slice(row, row + 1));
    const { mean } = signs;
    return new ByteRows({ codes, scales: scales ?? mean, products: products ?? mean, mean }).rowAt(0);
  }

  get count(): number {
    return this.#resident.signs.count;
  }

  get dimensions(): number {
    return this.#resident.signs.dimensions;
  }

  async search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    const found = await this.#signs.search(queries, this.#candidates(topK), signal);
    const rows = [...new Set(found.flatMap(({ rows: list }) => [...list]))].sort((a, b) => a - b);
    const codes = await this.#rows.fetch(rows, signal);
    throwIfAborted(signal);
    const { signs, byteScales } = this.#resident;
    const fetched = new ByteRows({
      codes,
      scales: Float32Array.from(rows, (row) => byteScales[row] ?? 0),
      products: Float32Array.from(rows, (row) => signs.products[row] ?? 0),
      mean: signs.mean,
    });
    const placeOf = new Map(rows.map((row, place) => [row, place]));
    return queries.map((query, q) => {
      const scorer = fetched.scorer(query);
      const candidates = found[q]?.rows ?? new Uint32Array(0);
      const heap = new TopKHeap(Math.min(topK, candidates.length));
      for (const row of candidates) heap.push(row, scorer.score(placeOf.get(row) ?? 0));
      return heap.take();
    });
  }

  dispose(): void {
    this.#signs.dispose?.();
  }
}
