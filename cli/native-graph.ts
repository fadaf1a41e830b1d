/** Graphs of vectors by usearch's native addon, where that is installed: the same files as in WebAssembly, and about the same speed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeUsearchModule, usearchAddon, type AddonIndex } from '../src/platform/node/usearch';
import type { StoredFile, VectorSearchSettings } from '../src/protocol/corpus';
import { AppError, throwIfAborted } from '../src/protocol/errors';
import type { IndexProgress } from '../src/retrieval/build-vector-index';
import type { DensePlatform, DenseRows } from '../src/retrieval/dense';
import { requireQuery } from '../src/retrieval/dense/shape';
import type { TopK } from '../src/retrieval/top-k';
import { checkUsearchFile, defaultEf, HNSW_DEFAULTS, type UsearchHead } from '../src/retrieval/usearch';
import type { GraphIndex } from '../src/retrieval/vector-index';
import { createPauser } from '../src/retrieval/yielding';

type Addon = NonNullable<Awaited<ReturnType<typeof usearchAddon>>>;

/** Vectors between two looks at the signal. */
const BATCH = 256;

/** What graphs are searched and built with here; `note` says so where that is not the addon. */
export async function graphTools(
  note: (line: string) => void,
): Promise<Pick<DensePlatform, 'openUsearch' | 'graphs'>> {
  const addon = await usearchAddon();
  if (addon) return { openUsearch: nodeUsearchModule, graphs: nativeGraphs(addon) };
  note('The npm package usearch is not installed: WebAssembly takes its place.');
  return { openUsearch: nodeUsearchModule };
}

export const nativeGraphs = (addon: Addon): NonNullable<DensePlatform['graphs']> => ({
  open: (file, signal) => NativeGraph.open(addon, file, signal),
  build: (rows, progress) => build(addon, rows, progress),
});

/** The addon reads and writes files alone. Removed at the end, however it comes. */
function scratchFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 's3-graph-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  return {
    folder,
    remove() {
      process.removeListener('exit', remove);
      remove();
    },
  };
}

async function build(
  Addon: Addon,
  rows: DenseRows,
  { onProgress, signal }: IndexProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  const { dimensions, count } = rows;
  const { metric, connectivity, efAdd } = HNSW_DEFAULTS;
  const index = new Addon({
    ...{ dimensions, metric, quantization: 'f16', connectivity, multi: false },
    ...{ expansion_add: efAdd, expansion_search: defaultEf(count) },
  });
  const pause = createPauser(signal);
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first);
    const keys = BigUint64Array.from({ length: size }, (_, i) => BigInt(first + i));
    const vectors = new Float32Array(size * dimensions);
    for (let i = 0; i < size; i += 1) vectors.set(rows.rowAt(first + i), i * dimensions);
    // One thread: several give another graph each time.
    index.add(keys, vectors, 1);
    onProgress?.({ done: first + size, total: count, unit: 'passages', label: 'Building the graph' });
    await pause();
  }
  const { folder, remove } = scratchFolder();
  try {
    const path = join(folder, 'graph.usearch');
    index.save(path);
    return new Uint8Array(await readFile(path));
  } finally {
    remove();
  }
}

class NativeGraph implements GraphIndex {
  readonly backend = 'native';
  readonly dimensions: number;
  readonly dtype: UsearchHead['dtype'];
  readonly ef: number;
  readonly memoryBytes: number;
  readonly #addon: Addon;
  readonly #head: UsearchHead;
  readonly #path: string;
  readonly #remove: () => void;
  /** By how many candidates they look at, which is said when one is opened; all are views of one file. */
  readonly #opened = new Map<number, AddonIndex>();

  private constructor(
    addon: Addon,
    head: UsearchHead,
    file: { path: string; bytes: number; remove: () => void },
  ) {
    this.#addon = addon;
    this.#head = head;
    this.#path = file.path;
    this.#remove = file.remove;
    this.dimensions = head.dimensions;
    this.dtype = head.dtype;
    this.memoryBytes = file.bytes;
    this.ef = defaultEf(this.count);
  }

  static async open(addon: Addon, file: StoredFile, signal?: AbortSignal): Promise<NativeGraph> {
    const { folder, remove } = scratchFolder();
    try {
      const path = join(folder, 'graph.usearch');
      const bytes = new Uint8Array(file.bytes);
      const target = await open(path, 'w');
      try {
        let at = 0;
        for await (const piece of file.pieces(signal)) {
          bytes.set(piece, at);
          at += piece.byteLength;
          await target.writeFile(piece);
        }
      } finally {
        await target.close();
      }
      // The addon believes what a file says.
      const head = await checkUsearchFile(bytes, signal);
      return new NativeGraph(addon, head, { path, bytes: file.bytes, remove });
    } catch (error) {
      remove();
      throw error;
    }
  }

  get count(): number {
    return this.#head.nodes - this.#head.removed;
  }

  async search(
    queries: readonly Float32Array[],
    topK: number,
    signal?: AbortSignal,
    { ef = this.ef }: Partial<VectorSearchSettings> = {},
  ): Promise<TopK[]> {
    throwIfAborted(signal);
    if (!Number.isInteger(ef) || ef < 1) {
      throw new AppError('BAD_INPUT', `A search cannot look at ${ef} candidates.`, {
        fix: 'Choose a whole number, at least 1.',
      });
    }
    const index = this.#view(Math.max(ef, topK));
    const pause = createPauser(signal);
    const results: TopK[] = [];
    for (const query of queries) {
      requireQuery(query, this.dimensions);
      results.push(this.#searchOne(index, query, Math.min(topK, this.count)));
      await pause();
    }
    return results;
  }

  #searchOne(index: AddonIndex, query: Float32Array, topK: number): TopK {
    if (topK === 0) return { rows: new Uint32Array(0), scores: new Float64Array(0) };
    const { keys, distances } = index.search(query, topK, 1);
    const hits = Array.from(keys, (key, i) => ({
      row: Number(key),
      score: this.#head.metric === 'l2sq' ? -(distances[i] ?? 0) : 1 - (distances[i] ?? 0),
    })).sort((a, b) => b.score - a.score || a.row - b.row);
    return {
      rows: Uint32Array.from(hits, ({ row }) => row),
      scores: Float64Array.from(hits, ({ score }) => score),
    };
  }

  #view(ef: number): AddonIndex {
    const known = this.#opened.get(ef);
    if (known) return known;
    const { dimensions, metric, dtype, connectivity } = this.#head;
    const index = new this.#addon({
      ...{ dimensions, metric, quantization: dtype, connectivity, multi: false },
      ...{ expansion_add: HNSW_DEFAULTS.efAdd, expansion_search: ef },
    });
    index.view(this.#path);
    this.#opened.set(ef, index);
    return index;
  }

  dispose(): void {
    this.#opened.clear();
    this.#remove();
  }
}
