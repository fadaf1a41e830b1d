/**
 * Exact dense search: the inner product of the query with every row (cosine, since vectors have unit length).
 * Sums run in 64 bits in one fixed order and are rounded to 32 bits once, so equal rows tie exactly on every machine.
 */
import { AppError, throwIfAborted } from '../protocol/errors';
import type { Encoder, Hit } from '../protocol/retrieval';
import { decodeSections, encodeSections, requireNumber, requireSection, requireWords } from './byte-sections';
import { requireTopK, toHits, type RowRetriever } from './hits';
import type { PassageList } from './passage-text';
import { TopKHeap, type TopK } from './top-k';
import { createPauser } from './yielding';

/** What a dense backend offers; all backends rank alike, ties to the lower row. */
export interface DenseIndex {
  readonly count: number;
  readonly dimensions: number;
  search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]>;
}

/** Rows between two looks at the clock. */
const BLOCK_ROWS = 1024;

function dot(a: Float32Array, b: Float32Array, offset: number, n: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += (a[i] ?? 0) * (b[offset + i] ?? 0);
    s1 += (a[i + 1] ?? 0) * (b[offset + i + 1] ?? 0);
    s2 += (a[i + 2] ?? 0) * (b[offset + i + 2] ?? 0);
    s3 += (a[i + 3] ?? 0) * (b[offset + i + 3] ?? 0);
  }
  for (; i < n; i++) s0 += (a[i] ?? 0) * (b[offset + i] ?? 0);
  return Math.fround(s0 + s1 + (s2 + s3));
}

/** Vectors as they are, row after row: [count, dimensions]. */
export class FlatIndex implements DenseIndex {
  readonly vectors: Float32Array;
  readonly dimensions: number;

  /** Throws `BAD_INPUT` for a ragged matrix or a number that is not finite. */
  constructor(vectors: Float32Array, dimensions: number) {
    if (!Number.isInteger(dimensions) || dimensions < 1 || vectors.length % dimensions !== 0) {
      throw new AppError('BAD_INPUT', `${vectors.length} numbers do not make rows of ${dimensions}.`, {
        fix: 'Embed the corpus again.',
      });
    }
    let bad = 0;
    while (bad < vectors.length && Number.isFinite(vectors[bad])) bad++;
    if (bad < vectors.length) {
      throw new AppError(
        'BAD_INPUT',
        `The vector of passage ${Math.floor(bad / dimensions)} is not finite.`,
        {
          fix: 'Embed the corpus again; if it happens again, choose WASM instead of WebGPU.',
        },
      );
    }
    this.vectors = vectors;
    this.dimensions = dimensions;
  }

  get count(): number {
    return this.vectors.length / this.dimensions;
  }

  async search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    throwIfAborted(signal);
    const { vectors, dimensions, count } = this;
    for (const query of queries) {
      if (query.length === dimensions) continue;
      throw new AppError('BAD_INPUT', `The query has ${query.length} dimensions, the index ${dimensions}.`, {
        fix: 'Search with the encoder that the index was built with.',
      });
    }
    const pause = createPauser(signal);
    const heaps = queries.map(() => new TopKHeap(Math.min(topK, count)));
    for (let start = 0; start < count; start += BLOCK_ROWS) {
      const end = Math.min(start + BLOCK_ROWS, count);
      for (const [q, query] of queries.entries()) {
        const heap = heaps[q];
        if (!heap) continue;
        let threshold = heap.threshold;
        for (let row = start; row < end; row++) {
          const score = dot(query, vectors, row * dimensions, dimensions);
          if (score < threshold) continue;
          heap.push(row, score);
          threshold = heap.threshold;
        }
      }
      await pause();
    }
    return heaps.map((heap) => heap.take());
  }
}

const FORMAT = 'vectors';
const VERSION = 1;

export const encodeVectors = (index: FlatIndex): Promise<Uint8Array<ArrayBuffer>> =>
  encodeSections(FORMAT, VERSION, { dimensions: index.dimensions, dtype: 'f32' }, [['rows', index.vectors]]);

export async function decodeVectors(file: Uint8Array<ArrayBuffer>): Promise<FlatIndex> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  if (sections.meta['dtype'] !== 'f32') {
    throw new AppError('UNSUPPORTED', `The vectors are of type ${String(sections.meta['dtype'])}.`, {
      fix: 'Build the index again with this version.',
    });
  }
  const rows = requireWords(requireSection(sections, FORMAT, 'rows'), FORMAT, Float32Array);
  return new FlatIndex(rows, requireNumber(sections, FORMAT, 'dimensions'));
}

/** Copies unit vectors into one matrix. */
export function flatIndexOf(vectors: readonly Float32Array[], dimensions: number): FlatIndex {
  const matrix = new Float32Array(vectors.length * dimensions);
  vectors.forEach((vector, row) => {
    if (vector.length !== dimensions) {
      throw new AppError('BAD_INPUT', `Vector ${row} has ${vector.length} dimensions, not ${dimensions}.`, {
        fix: 'Embed all passages with the same encoder.',
      });
    }
    matrix.set(vector, row * dimensions);
  });
  return new FlatIndex(matrix, dimensions);
}

/** Dense search over one corpus: embeds the queries, then scans. */
export class DenseRetriever implements RowRetriever {
  readonly mode = 'dense';
  readonly #index: DenseIndex;
  readonly #encoder: Pick<Encoder, 'embedQueries'>;
  readonly #passages: PassageList;

  constructor(index: DenseIndex, encoder: Pick<Encoder, 'embedQueries'>, passages: PassageList) {
    this.#index = index;
    this.#encoder = encoder;
    this.#passages = passages;
  }

  async searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    requireTopK(topK);
    throwIfAborted(signal);
    if (queries.length === 0) return [];
    return this.#index.search(await this.#encoder.embedQueries(queries, signal), topK, signal);
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    const results = await this.searchRows(queries, topK, signal);
    return results.map((result) => toHits(result, this.#passages));
  }
}
