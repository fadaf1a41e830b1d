/** The files that make a corpus searchable, built from passages and opened again. */
import { AppError, throwIfAborted } from '../protocol/errors';
import {
  CORPUS_FILES,
  type CorpusFile,
  type CorpusRecord,
  type CorpusStore,
  type VectorIndexKind,
} from '../protocol/corpus';
import type { Encoder, OnProgress, Passage } from '../protocol/retrieval';
import { encodeBm25, loadBm25 } from './bm25/bm25-file';
import type { Bm25Index } from './bm25/bm25-index';
import { buildBm25 } from './bm25/bm25-retriever';
import { decodeVectors, denseRows, encodeVectors, type DensePlatform, type DenseRows } from './dense';
import { openPassages, type CorpusPassages } from './open-passages';
import { encodePassages } from './passage-file';
import { buildVectorIndex, type IndexTools } from './build-vector-index';
import {
  isSame,
  openFile,
  openVectorIndex,
  type CorpusFileSource,
  type ReadFile,
  type VectorIndex,
} from './vector-index';

export type { CorpusFileSource, ReadFile, VectorIndex } from './vector-index';

export interface BuildOptions {
  /** `null`: BM25 only. */
  encoder: Encoder | null;
  /** Over the vectors. Default: `exact`. */
  index?: VectorIndexKind | undefined;
  /** What an index of its kind is built with. */
  tools?: IndexTools | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** Everything in memory, ready to be stored in one go. */
export async function buildCorpusFiles(
  passages: readonly Passage[],
  { encoder, index = 'exact', tools, onProgress, signal }: BuildOptions,
): Promise<CorpusFile[]> {
  requireUniqueIds(passages);
  const report = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const bm25 = await buildBm25(passages, report);
  const files: CorpusFile[] = [
    { name: CORPUS_FILES.passages, bytes: encodePassages(passages) },
    { name: CORPUS_FILES.bm25, bytes: await encodeBm25(bm25) },
  ];
  if (encoder) {
    const vectors = await encoder.embedPassages(passages, onProgress, signal);
    const rows = denseRows(vectors, encoder.dimensions, storedType(vectors.length, index));
    files.push({ name: CORPUS_FILES.vectors, bytes: await encodeVectors(rows) });
    const built = await buildVectorIndex(rows, index, tools, { onProgress, signal });
    if (built) files.push(built);
  }
  throwIfAborted(signal);
  return files;
}

/** Small corpora keep their vectors as they are: nothing is gained by rounding them. */
const ROUNDED_FROM = 4096;
/** `compact` scores by int8 rows, however few there are. */
export const storedType = (passages: number, kind: VectorIndexKind = 'exact'): 'f32' | 'int8' =>
  passages < ROUNDED_FROM && kind !== 'compact' ? 'f32' : 'int8';

function requireUniqueIds(passages: readonly Passage[]): void {
  const seen = new Set<string>();
  for (const { id } of passages) {
    if (seen.has(id)) {
      throw new AppError('BAD_INPUT', `Two passages have the id "${id}".`, {
        fix: 'Give each row its own id, and each file its own name.',
      });
    }
    seen.add(id);
  }
}

/** Of a stored corpus. */
export function filesOf(
  store: Pick<CorpusStore, 'read' | 'open' | 'readRange'>,
  { id, files }: Pick<CorpusRecord, 'id' | 'files'>,
): CorpusFileSource {
  return {
    read: (file) => store.read(id, file),
    open: (file) => store.open(id, file),
    readRange: (file, start, bytes, signal) => store.readRange(id, file, start, bytes, signal),
    has: (file) => Object.hasOwn(files, file),
  };
}

/** The indexes of a corpus, read or built when first asked for. */
export interface CorpusIndexes {
  bm25(onProgress?: OnProgress, signal?: AbortSignal): Promise<Bm25Index>;
  /** Made with `encoder`, row by row the passages. */
  vectors(encoder: Encoder, onProgress?: OnProgress, signal?: AbortSignal): Promise<DenseRows>;
  /** Opened for searching, in the way that the corpus was built for. Absent: `vectors` are all there is. */
  openVectors?(encoder: Encoder, platform?: DensePlatform, signal?: AbortSignal): Promise<VectorIndex>;
}

/** A corpus that can be searched, wherever it comes from. */
export interface SearchableCorpus extends CorpusIndexes {
  readonly passages: CorpusPassages;
}

/**
 * A corpus of the files that `buildCorpusFiles` made, and of those of another index over its vectors. Where parts of them can be read, passages
 * of more than `mostInMemory` bytes stay where they lie.
 */
export async function openCorpusFiles(
  given: ReadFile | CorpusFileSource,
  kind: VectorIndexKind = 'exact',
  options: { mostInMemory?: number | undefined; signal?: AbortSignal } = {},
): Promise<SearchableCorpus> {
  const files = sourceOf(given);
  const passages = await openPassages(files, options);
  const { length } = passages;
  const first = async (): Promise<Passage | undefined> =>
    length === 0 ? undefined : (await passages.fetch([0])).get(0);
  const known = { length, first };
  return { passages, ...openIndexFiles(files, known, kind) };
}

const sourceOf = (given: ReadFile | CorpusFileSource): CorpusFileSource =>
  typeof given === 'function' ? { read: given } : given;

/** The indexes alone, of passages that need not be here. */
export function openIndexFiles(
  given: ReadFile | CorpusFileSource,
  passages: { readonly length: number; first(): Promise<Passage | undefined> },
  kind: VectorIndexKind = 'exact',
): CorpusIndexes {
  const files = sourceOf(given);
  const { read } = files;
  const requireCount = <T extends { readonly count: number }>(index: T): T => {
    if (index.count === passages.length) return index;
    throw new AppError(
      'INTEGRITY',
      `The index has ${index.count} rows, the corpus ${passages.length} passages.`,
      {
        fix: 'Delete the corpus and import the documents again.',
      },
    );
  };
  return {
    bm25: async (_onProgress, signal) =>
      requireCount(await loadBm25(await openFile(files, CORPUS_FILES.bm25), signal)),
    async vectors(encoder) {
      const index = requireCount(await decodeVectors(await read(CORPUS_FILES.vectors)));
      if (await madeBy(encoder, index, await passages.first())) return index;
      throw new AppError('UNSUPPORTED', 'The encoder has changed since this corpus was embedded.', {
        fix: 'Import the documents again, or search with BM25.',
      });
    },
    openVectors: (encoder, platform, signal) =>
      openVectorIndex({ files, kind, passages }, encoder, platform, signal),
  };
}

/** Whether the stored vectors are those of this encoder, seen from the first passage. */
export async function madeBy(
  encoder: Encoder,
  rows: DenseRows,
  first: Passage | undefined,
): Promise<boolean> {
  if (!first) return true;
  if (rows.dimensions !== encoder.dimensions) return false;
  const [vector] = await encoder.embedPassages([first]);
  return vector !== undefined && isSame(vector, rows.rowAt(0));
}
