/**
 * The vectors of a corpus, opened in the way that it was built for. Whoever has the files of one, in a store, in a folder or at an address, opens
 * them here: what differs is how a file is read.
 */
import {
  CORPUS_FILES,
  type StoredFile,
  type VectorIndexKind,
  type VectorSearchInfo,
} from '../protocol/corpus';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { Encoder, Passage } from '../protocol/retrieval';
import {
  loadSigns,
  loadVectors,
  openDenseIndex,
  RescoredIndex,
  WasmIndex,
  type DenseIndex,
  type DensePlatform,
  type GraphIndex,
} from './dense';
import { fileInMemory } from './section-reader';
import { HnswIndex } from './usearch';

export type { GraphIndex } from './dense';

export type ReadFile = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Where the files of a corpus lie. What `read` and `open` give has been checked by whoever gives it. */
export interface CorpusFileSource {
  /** A whole file. */
  read: ReadFile;
  /** The same, piece by piece. Where it is absent, `read` is asked, and the file lies in memory twice for a moment. */
  open?: ((name: string) => Promise<StoredFile>) | undefined;
  /** Exactly these bytes, not checked; of files whose rows or lines have checksums of their own. */
  readRange?:
    ((name: string, start: number, bytes: number, signal?: AbortSignal) => Promise<Uint8Array>) | undefined;
  /** Whether there is such a file. Where it is absent, nobody knows. */
  has?: ((name: string) => boolean) | undefined;
}

export interface VectorIndex extends DenseIndex {
  /** Of the moment: a graphics adapter can be lost. */
  readonly info: VectorSearchInfo;
  /** Held as long as it is open; rows on a graphics adapter among them. */
  readonly memoryBytes: number;
}

export interface VectorSource {
  files: CorpusFileSource;
  kind: VectorIndexKind;
  passages: { readonly length: number; first(): Promise<Passage | undefined> };
}

/** Devices round differently; another encoder differs by far more. */
const SAME_VECTOR = 0.999;
const PROBES = 2;

const otherEncoder = (): AppError =>
  new AppError('UNSUPPORTED', 'The encoder has changed since this corpus was embedded.', {
    fix: 'Import the documents again, or search with BM25.',
  });

/** Whether a stored vector, rounded as it may be, points where that points which the encoder makes of its passage. */
export function isSame(vector: Float32Array, stored: Float32Array): boolean {
  if (vector.length !== stored.length) return false;
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);
  return dot(vector, stored) >= SAME_VECTOR * Math.sqrt(dot(vector, vector) * dot(stored, stored));
}

async function vectorOfFirst(
  { passages }: VectorSource,
  encoder: Encoder,
  signal: AbortSignal | undefined,
): Promise<Float32Array | undefined> {
  const first = await passages.first();
  if (!first) return undefined;
  const [vector] = await encoder.embedPassages([first], undefined, signal);
  return vector;
}

/**
 * @throws AppError INTEGRITY for files that are damaged or not of these passages, UNSUPPORTED where `encoder` did not make the vectors or where
 * this kind cannot be searched here, OUT_OF_MEMORY, ABORTED
 */
export async function openVectorIndex(
  source: VectorSource,
  encoder: Encoder,
  platform: DensePlatform = {},
  signal?: AbortSignal,
): Promise<VectorIndex> {
  throwIfAborted(signal);
  if (source.kind === 'compact') return openCompact(source, encoder, platform, signal);
  if (source.kind === 'hnsw') return openGraph(source, encoder, platform, signal);
  const { passages, files } = source;
  const options = { count: passages.length, openThreads: platform.openThreads, signal };
  const loaded = await loadVectors(await openFile(files, CORPUS_FILES.vectors), options);
  const first = await vectorOfFirst(source, encoder, signal);
  if (first && !isSame(first, loaded.rows.rowAt(0))) {
    loaded.index.dispose?.();
    throw otherEncoder();
  }
  return openDenseIndex(loaded, platform, signal);
}

/** Piece by piece, where that can be had. */
export const openFile = async ({ open, read }: CorpusFileSource, name: string): Promise<StoredFile> =>
  open ? open(name) : fileInMemory(await read(name));

async function openCompact(
  source: VectorSource,
  encoder: Encoder,
  platform: DensePlatform,
  signal: AbortSignal | undefined,
): Promise<VectorIndex> {
  const { files, passages } = source;
  const { readRange } = files;
  if (!readRange) {
    throw new AppError('UNSUPPORTED', 'Parts of this corpus cannot be read by themselves.', {
      fix: 'Give it an exact index.',
    });
  }
  const options = { count: passages.length, openThreads: platform.openThreads, signal };
  const {
    resident,
    index: signs,
    reason,
  } = await loadSigns(await openFile(files, CORPUS_FILES.signs), options);
  const index = await RescoredIndex.open(
    resident,
    (start, bytes, stop) => readRange(CORPUS_FILES.vectors, start, bytes, stop),
    { index: signs, signal },
  );
  const first = await vectorOfFirst(source, encoder, signal);
  if (first && !isSame(first, await index.rowAt(0, signal))) {
    index.dispose();
    throw otherEncoder();
  }
  const info: VectorSearchInfo = {
    ...{ kind: 'compact', dtype: 'int8', milliseconds: await timeOf(index, first, platform, signal) },
    ...(signs instanceof WasmIndex
      ? { backend: 'wasm', threads: signs.threads }
      : { backend: 'typescript', threads: 1 }),
    reason: ['One bit of each component is in memory; the rows that it finds are read to score them.', reason]
      .filter(Boolean)
      .join(' '),
  };
  const memoryBytes =
    (signs instanceof WasmIndex ? signs.memoryBytes : resident.signs.bytes) + 8 * index.count;
  return withInfo(index, info, memoryBytes);
}

async function openGraph(
  source: VectorSource,
  encoder: Encoder,
  platform: DensePlatform,
  signal: AbortSignal | undefined,
): Promise<VectorIndex> {
  const { files, passages } = source;
  const file = await openFile(files, CORPUS_FILES.graph);
  const index = await (platform.graphs?.open(file, signal) ?? openInWasm(file, platform, signal));
  if (index.count !== passages.length) {
    index.dispose?.();
    throw new AppError(
      'INTEGRITY',
      `The graph has ${index.count} vectors, the corpus ${passages.length} passages.`,
      {
        fix: 'Build the index again.',
      },
    );
  }
  const first = await vectorOfFirst(source, encoder, signal);
  if (first) {
    // The file is not in the order of the rows; but what the first passage is made of now must be found in it.
    const [found] = first.length === index.dimensions ? await index.search([first], 1, signal) : [];
    if ((found?.scores[0] ?? 0) < SAME_VECTOR) {
      index.dispose?.();
      throw otherEncoder();
    }
  }
  const info: VectorSearchInfo = {
    ...{ kind: 'hnsw', backend: index.backend, dtype: index.dtype === 'f16' ? 'f16' : 'f32', threads: 1 },
    ...{ milliseconds: await timeOf(index, first, platform, signal), ef: index.ef },
    reason: 'A graph leads to the nearest; most rows are not looked at.',
  };
  return withInfo(index, info, index.memoryBytes);
}

async function openInWasm(
  file: StoredFile,
  { openUsearch }: DensePlatform,
  signal: AbortSignal | undefined,
): Promise<GraphIndex> {
  if (!openUsearch) {
    throw new AppError('UNSUPPORTED', 'Graphs of vectors cannot be searched here.', {
      fix: 'Give the corpus an exact index.',
    });
  }
  const fill = async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    let at = 0;
    for await (const piece of file.pieces(signal)) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
  };
  // As a view: the graph is searched in the bytes of its file, which lie in memory once.
  return HnswIndex.open(await openUsearch(), file.bytes, fill, { ...(signal && { signal }) });
}

async function timeOf(
  index: DenseIndex,
  query: Float32Array | undefined,
  { now = () => performance.now() }: DensePlatform,
  signal: AbortSignal | undefined,
): Promise<number> {
  const times: number[] = [];
  // The first one compiles.
  for (let probe = 0; probe <= PROBES; probe += 1) {
    const start = now();
    await index.search([query ?? new Float32Array(index.dimensions)], 10, signal);
    times.push(now() - start);
  }
  return Math.min(...times.slice(1));
}

const withInfo = (index: DenseIndex, info: VectorSearchInfo, memoryBytes: number): VectorIndex => ({
  count: index.count,
  dimensions: index.dimensions,
  search: (queries, topK, signal, settings) => index.search(queries, topK, signal, settings),
  dispose: () => index.dispose?.(),
  ...{ info, memoryBytes },
});

export { describeVectorSearch } from './describe-vectors';
