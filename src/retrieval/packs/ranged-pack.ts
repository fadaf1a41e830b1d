/**
 * A pack that stays where it is: the indexes are fetched once and held in memory, or what of them is to stay there; passages, and the rows of
 * a compact index, only when they are found, by range.
 */
import { CORPUS_FILES, type VectorSearchInfo, type VectorSearchSettings } from '../../protocol/corpus';
import { isAbort, throwIfAborted } from '../../protocol/errors';
import type {
  Encoder,
  Hit,
  HybridSettings,
  OnProgress,
  Passage,
  RetrievalMode,
} from '../../protocol/retrieval';
import type { Bm25Index } from '../bm25/bm25-index';
import { Bm25Retriever } from '../bm25/bm25-retriever';
import { openIndexFiles } from '../corpus-files';
import { DenseRetriever, type DensePlatform } from '../dense';
import { HybridRetriever } from '../hybrid/hybrid-retriever';
import type { RowRetriever } from '../hits';
import type { LinkedCorpus, LinkedRetriever } from '../linked-corpus';
import { RangedPassages, type ReadBytes } from '../ranged-passages';
import { describeVectorSearch, openVectorIndex, type VectorIndex } from '../vector-index';
import { decodeBlockHashes, PASSAGE_BLOCKS_FILE, VECTOR_BLOCKS_FILE } from './block-hashes';
import { checkedRange } from './checked-range';
import type { HttpPack } from './http-pack';
import { decodeOffsets, OFFSETS_FILE } from './passage-offsets';
import { packFile, requirePackFile, requireSearchable } from './pack-manifest';
import { packFiles, VECTOR_FILES } from './ranged-files';

const CHANGED = 'The pack was changed on its host: each build needs a folder of its own.';

/** A pack searched in one way. */
export class RangedRetriever implements LinkedRetriever {
  readonly mode: RetrievalMode;
  readonly #rows: RowRetriever;
  readonly #index: VectorIndex | undefined;

  constructor(mode: RetrievalMode, rows: RowRetriever, index: VectorIndex | undefined) {
    this.mode = mode;
    this.#rows = rows;
    this.#index = index;
  }

  get how(): string | undefined {
    return this.#rows.how;
  }

  /** Of dense and hybrid search. */
  get vectors(): VectorSearchInfo | undefined {
    return this.#index?.info;
  }

  /** The same pack, searched otherwise. */
  tuned(hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): RangedRetriever {
    const rows = this.#rows.tuned?.(hybrid, vectors) ?? this.#rows;
    return new RangedRetriever(this.mode, rows, this.#index);
  }

  search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    return this.#rows.search(queries, topK, signal);
  }
}

export interface RangedPack extends LinkedCorpus {
  readonly passages: RangedPassages;
  readonly memoryBytes: number;
  open(
    mode: RetrievalMode,
    encoder: () => Promise<Encoder>,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<RangedRetriever>;
  /** Gives back memory and devices; no retriever of it is of use afterwards. */
  dispose(): void;
}

/** Opened by whoever comes first, for all; but if the first stops it, the second begins anew. */
class Shared<T> {
  #value: Promise<T> | undefined;
  #opened: T | undefined;

  async get(open: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      const opening = (this.#value ??= open());
      try {
        return (this.#opened = await opening);
      } catch (error) {
        if (this.#value === opening) this.#value = undefined;
        throwIfAborted(signal);
        if (!isAbort(error)) throw error;
      }
    }
  }

  /** What was opened, as far as it is there. */
  get opened(): T | undefined {
    return this.#opened;
  }

  drop(dispose: (value: T) => void): void {
    const value = this.#value;
    this.#value = this.#opened = undefined;
    // What failed to open holds nothing.
    value?.then(dispose, () => undefined);
  }
}

/** What is fetched before the first search of a mode; for `compact`, without the few rows that a search looks at. */
export function residentBytes({ manifest }: Pick<HttpPack, 'manifest'>, mode: RetrievalMode): number {
  const names = [OFFSETS_FILE, PASSAGE_BLOCKS_FILE, ...(mode === 'dense' ? [] : [CORPUS_FILES.bm25])];
  if (mode !== 'bm25') names.push(...VECTOR_FILES[manifest.index ?? 'exact']);
  return names.reduce<number>((sum, name) => sum + (packFile(manifest, name)?.bytes ?? 0), 0);
}

/** Passages keep themselves, parsed; their blocks are of use to neighbours alone. */
const KEPT_BLOCKS = 64;

/** What the passages that are read by range are checked by; CRC-32, which whoever can write to the host can forge, in packs of an earlier version. */
export const passageCheck = ({ manifest }: Pick<HttpPack, 'manifest'>): 'sha256' | 'crc32' =>
  packFile(manifest, PASSAGE_BLOCKS_FILE) ? 'sha256' : 'crc32';

async function passageReader(pack: HttpPack, signal: AbortSignal | undefined): Promise<ReadBytes> {
  const file = requirePackFile(pack.manifest, CORPUS_FILES.passages);
  if (passageCheck(pack) === 'crc32') {
    return (start, end, stop) => pack.range(file, start, end, { signal: stop });
  }
  const table = await pack.file(PASSAGE_BLOCKS_FILE, undefined, signal);
  const hashes = await decodeBlockHashes(table, file.bytes);
  const read = checkedRange(pack, file, hashes, { kept: KEPT_BLOCKS, partsOnly: false });
  return (start, end, stop) => read(start, end - start, stop);
}

/** @throws AppError UNSUPPORTED for a pack without a table of offsets, INTEGRITY, NETWORK … as `HttpPack.file` */
export async function openRangedPack(
  pack: HttpPack,
  { platform, signal }: { platform?: DensePlatform | undefined; signal?: AbortSignal | undefined } = {},
): Promise<RangedPack> {
  const { manifest } = pack;
  requireSearchable(manifest);
  const file = requirePackFile(manifest, CORPUS_FILES.passages);
  const [offsets, read] = await Promise.all([
    pack
      .file(OFFSETS_FILE, undefined, signal)
      .then((table) => decodeOffsets(table, { passages: manifest.passages, bytes: file.bytes })),
    passageReader(pack, signal),
  ]);
  const passages = new RangedPassages(read, offsets, CHANGED);
  const sizeOf = (name: string): number => packFile(manifest, name)?.bytes ?? 0;
  // Of all modes: what one has fetched, the others need not.
  const [words, vectors] = [new Shared<Bm25Index>(), new Shared<VectorIndex>()];
  const first = async (): Promise<Passage | undefined> =>
    passages.length === 0 ? undefined : (await passages.fetch([0])).get(0);

  async function openWords(onProgress?: OnProgress, signal?: AbortSignal): Promise<Bm25Retriever> {
    const known = { length: passages.length, first };
    const open = () => openIndexFiles(packFiles(pack, onProgress, signal), known).bm25(onProgress, signal);
    return new Bm25Retriever(await words.get(open, signal), passages);
  }

  async function openRows(
    mode: RetrievalMode,
    encoder: () => Promise<Encoder>,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RangedRetriever> {
    if (mode === 'bm25') {
      return new RangedRetriever(mode, await openWords(onProgress, signal), undefined);
    }
    const loaded = await encoder();
    const files = packFiles(pack, onProgress, signal);
    const source = { files, kind: manifest.index ?? 'exact', passages: { length: passages.length, first } };
    const index = await vectors.get(() => openVectorIndex(source, loaded, platform, signal), signal);
    const dense = new DenseRetriever(index, loaded, passages, {
      describe: (settings) => describeVectorSearch(index.info, settings),
    });
    const rows =
      mode === 'dense' ? dense : new HybridRetriever(dense, await openWords(onProgress, signal), passages);
    return new RangedRetriever(mode, rows, index);
  }

  return {
    passages,
    modes: manifest.encoder === null ? ['bm25'] : ['dense', 'bm25', 'hybrid'],
    open: openRows,
    get memoryBytes() {
      const table = sizeOf(PASSAGE_BLOCKS_FILE) + (vectors.opened ? sizeOf(VECTOR_BLOCKS_FILE) : 0);
      const indexes = (words.opened?.memoryBytes ?? 0) + (vectors.opened?.memoryBytes ?? 0);
      return passages.memoryBytes + indexes + table;
    },
    dispose: () => vectors.drop((index) => index.dispose?.()),
  };
}
