/** HNSW, Malkov and Yashunin 2018, by usearch: an approximate search for corpora too large to scan without a GPU. */
import type { VectorSearchSettings } from '../../protocol/corpus';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { DenseIndex } from '../dense/dense-index';
import { requireQuery, requireVector } from '../dense/shape';
import type { TopK } from '../top-k';
import { createPauser } from '../yielding';
import { checkUsearchFile, type UsearchMetric, type UsearchType } from './usearch-file';
import { UsearchInstance } from './usearch-module';

export interface HnswOptions {
  dimensions: number;
  /** Of unit vectors, as encoders give them, `ip` ranks as `cos` does and is three times as fast. */
  metric?: UsearchMetric;
  dtype?: UsearchType;
  /** Neighbours of a node. */
  connectivity?: number;
  /** Candidates looked at while adding, and while searching. Default: by the number of vectors. */
  efAdd?: number;
  efSearch?: number;
}

const METRIC_CODES: Record<UsearchMetric, number> = { cos: 1, ip: 2, l2sq: 3 };
const TYPE_CODES: Record<UsearchType, number> = { f32: 1, f16: 3, i8: 4 };
export const HNSW_DEFAULTS = { metric: 'ip', dtype: 'f32', connectivity: 16, efAdd: 128 } as const;

/**
 * Recall falls as a corpus grows unless more is looked at: of the ten best of 50,500 passages, 256 finds 97.6 % where 128 finds 95.3 %
 * (bench/README.md). Four times as many for ten times as many vectors.
 */
export function defaultEf(count: number): number {
  const more = 256 * 4 ** Math.max(0, Math.log10(Math.max(1, count / 50_000)));
  return Math.min(2048, Math.ceil(more / 16) * 16);
}

function requireEf(ef: number): void {
  if (Number.isInteger(ef) && ef >= 1 && ef <= MOST_CANDIDATES) return;
  throw new AppError('BAD_INPUT', `A search cannot look at ${ef} candidates.`, {
    fix: `Choose a whole number from 1 to ${MOST_CANDIDATES}.`,
  });
}
const MOST_CANDIDATES = 65_536;

export class HnswIndex implements DenseIndex {
  readonly backend = 'wasm';
  readonly dimensions: number;
  readonly metric: UsearchMetric;
  readonly dtype: UsearchType;
  readonly #instance: UsearchInstance;
  readonly #handle: number;
  readonly #viewed: boolean;
  readonly #query: number;
  #results = { address: 0, capacity: 0 };
  #capacity = 0;
  #ef: { add: number; search: number | undefined };

  private constructor(
    instance: UsearchInstance,
    { dimensions, metric, dtype, connectivity, efAdd, efSearch }: HnswOptions & typeof HNSW_DEFAULTS,
    file?: { address: number; length: number; view: boolean },
  ) {
    this.dimensions = dimensions;
    this.metric = metric;
    this.dtype = dtype;
    this.#instance = instance;
    this.#ef = { add: efAdd, search: efSearch };
    const codes = [METRIC_CODES[metric], TYPE_CODES[dtype]] as const;
    this.#handle = instance.call('us_new', dimensions, ...codes, connectivity, efAdd, efSearch ?? 64);
    this.#viewed = file?.view ?? false;
    this.#query = instance.allocate(4 * dimensions);
    if (file) {
      instance.call(file.view ? 'us_view' : 'us_load', this.#handle, file.address, file.length);
      // Without it a search right after loading has no room for its candidates (usearch 484, 511, 548).
      this.#reserve(this.count);
      if (!file.view) instance.call('us_release', file.address);
    }
  }

  static create(module: WebAssembly.Module, options: HnswOptions): HnswIndex {
    return new HnswIndex(new UsearchInstance(module), { ...HNSW_DEFAULTS, ...options } as HnswOptions &
      typeof HNSW_DEFAULTS);
  }

  /**
   * An index from a file of usearch, of Node's or ours. `view` searches in the file's own bytes: no second copy, and nothing can be
   * added. `length` bytes are written by `fill`, so that they need lie in memory once only.
   * @throws AppError INTEGRITY, UNSUPPORTED, OUT_OF_MEMORY, ABORTED
   */
  static async open(
    module: WebAssembly.Module,
    length: number,
    fill: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>,
    {
      mode = 'view',
      signal,
      ...ef
    }: { mode?: 'view' | 'load'; signal?: AbortSignal; efAdd?: number; efSearch?: number } = {},
  ): Promise<HnswIndex> {
    const instance = new UsearchInstance(module);
    const address = instance.allocate(Math.max(1, length));
    const bytes = instance.bytesAt(address, length);
    await fill(bytes);
    throwIfAborted(signal);
    const head = await checkUsearchFile(bytes, signal);
    return new HnswIndex(
      instance,
      { ...HNSW_DEFAULTS, ...head, ...ef } as HnswOptions & typeof HNSW_DEFAULTS,
      {
        ...{ address, length, view: mode === 'view' },
      },
    );
  }

  /** Vectors that can be found. */
  get count(): number {
    return this.#instance.call('us_size', this.#handle);
  }

  /** Bytes of the memory that this index has for itself. */
  get memoryBytes(): number {
    return this.#instance.memory.byteLength;
  }

  /** Candidates of a search, from now on. */
  get ef(): number {
    return this.#ef.search ?? defaultEf(this.count);
  }

  set ef(search: number) {
    requireEf(search);
    this.#ef = { ...this.#ef, search };
  }

  /**
   * Keys are rows of the corpus. Room is made in advance, so that the index does not grow step by step.
   * @throws AppError BAD_INPUT for a vector that is not finite, or a key that is there already; ABORTED, what was added until then stays
   */
  async add(keys: readonly number[], vectors: readonly Float32Array[], signal?: AbortSignal): Promise<void> {
    this.#requireChangeable();
    throwIfAborted(signal);
    const pause = createPauser(signal);
    this.reserve(this.count + vectors.length);
    this.#instance.call('us_ef', this.#handle, this.#ef.add, this.ef);
    for (const [i, vector] of vectors.entries()) {
      const key = keys[i] ?? -1;
      requireVector(vector, key, this.dimensions);
      this.#requireKey(key);
      if (this.has(key)) {
        throw new AppError('BAD_INPUT', `The index has a vector of passage ${key} already.`, {
          fix: 'Remove it first.',
        });
      }
      this.#place(vector);
      this.#instance.call('us_add', this.#handle, key, this.#query);
      await pause();
    }
  }

  /** Makes room for so many vectors in all, so that adding them in parts does not make it grow part by part. */
  reserve(capacity: number): void {
    this.#capacity = Math.max(this.#capacity, capacity);
    this.#reserve(this.#capacity);
  }

  has(key: number): boolean {
    this.#requireKey(key);
    return this.#instance.call('us_contains', this.#handle, key) !== 0;
  }

  /** True where it was there. */
  remove(key: number): boolean {
    this.#requireChangeable();
    this.#requireKey(key);
    return this.#instance.call('us_remove', this.#handle, key) > 0;
  }

  /** Best first; what scores alike in row order, but which of them are found is the graph's choice. `ef` of this search, if not the index's own. */
  async search(
    queries: readonly Float32Array[],
    topK: number,
    signal?: AbortSignal,
    { ef: asked = this.ef }: Partial<VectorSearchSettings> = {},
  ): Promise<TopK[]> {
    throwIfAborted(signal);
    requireEf(asked);
    const pause = createPauser(signal);
    const results: TopK[] = [];
    const ef = Math.max(asked, topK);
    for (const query of queries) {
      requireQuery(query, this.dimensions);
      // Each time: between two queries another search, with another ef, may have had its turn.
      this.#instance.call('us_ef', this.#handle, this.#ef.add, ef);
      results.push(this.#searchOne(query, Math.min(topK, this.count)));
      await pause();
    }
    return results;
  }

  #searchOne(query: Float32Array, topK: number): TopK {
    if (topK === 0) return { rows: new Uint32Array(0), scores: new Float64Array(0) };
    if (this.#results.capacity < topK) {
      if (this.#results.capacity > 0) this.#instance.call('us_release', this.#results.address);
      this.#results = { address: this.#instance.allocate(12 * topK), capacity: topK };
    }
    const { address, capacity } = this.#results;
    this.#place(query);
    const found = this.#instance.call(
      'us_search',
      this.#handle,
      this.#query,
      topK,
      address,
      address + 8 * capacity,
    );
    const { memory } = this.#instance;
    const keys = new BigUint64Array(memory, address, found);
    const distances = new Float32Array(memory, address + 8 * capacity, found);
    const hits = Array.from(keys, (key, i) => ({
      row: Number(key),
      score: this.metric === 'l2sq' ? -(distances[i] ?? 0) : 1 - (distances[i] ?? 0),
    })).sort((a, b) => b.score - a.score || a.row - b.row);
    return {
      rows: Uint32Array.from(hits, ({ row }) => row),
      scores: Float64Array.from(hits, ({ score }) => score),
    };
  }

  /** The file, as Node's addon reads it too. */
  save(): Uint8Array<ArrayBuffer> {
    const length = this.#instance.call('us_length', this.#handle) >>> 0;
    const address = this.#instance.allocate(length);
    try {
      this.#instance.call('us_save', this.#handle, address, length);
      return this.#instance.bytesAt(address, length).slice();
    } finally {
      this.#instance.call('us_release', address);
    }
  }

  #place(vector: Float32Array): void {
    new Float32Array(this.#instance.memory, this.#query, this.dimensions).set(vector);
  }

  #reserve(capacity: number): void {
    this.#instance.call('us_reserve', this.#handle, Math.max(1, capacity));
  }

  #requireKey(key: number): void {
    if (Number.isInteger(key) && key >= 0 && key <= 0xffffffff) return;
    throw new AppError('BAD_INPUT', `${key} is no row of a corpus.`, {
      fix: 'Rows are whole numbers from 0 on.',
    });
  }

  #requireChangeable(): void {
    if (!this.#viewed) return;
    throw new AppError('UNSUPPORTED', 'This HNSW index is a view of its file and cannot be changed.', {
      fix: 'Open it with `load`, which copies it.',
    });
  }
}
