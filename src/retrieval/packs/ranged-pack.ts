/**
 * A pack that stays where it is: the indexes are fetched once and held in memory, or what of them is to stay there; passages, and the rows of
 * a compact index, only when they are found, by range.
 */
import { CORPUS_FILES, type VectorSearchInfo, type VectorSearchSettings } from '../../protocol/corpus';
import { AppError, isAbort, throwIfAborted } from '../../protocol/errors';
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
import { requireTopK, toHits } from '../hits';
import { HybridRetriever } from '../hybrid/hybrid-retriever';
import { PassageFile } from '../passage-file';
import type { LinkedCorpus, LinkedRetriever } from '../linked-corpus';
import type { PassageList } from '../passage-text';
import { RecentMap } from '../remote/polite-client';
import { describeVectorSearch, openVectorIndex, type VectorIndex } from '../vector-index';
import { VECTOR_BLOCKS_FILE } from './block-hashes';
import type { HttpPack } from './http-pack';
import { decodeOffsets, OFFSETS_FILE, type PassageOffsets } from './passage-offsets';
import { packFile, requirePackFile, requireSearchable, type PackFile } from './pack-manifest';
import { packFiles, VECTOR_FILES } from './ranged-files';

/** Passages that lie no farther apart come by one request. */
const GAP_BYTES = 4 * 1024;
const PARALLEL = 6;
/** Passages kept in memory: a session asks for the same ones again and again. */
const KEPT = 2_000;

/** The passages of a pack, a few at a time. */
export class RangedPassages {
  readonly #pack: HttpPack;
  readonly #file: PackFile;
  readonly #offsets: PassageOffsets;
  readonly #known = new RecentMap<Passage>(KEPT);

  constructor(pack: HttpPack, file: PackFile, offsets: PassageOffsets) {
    this.#pack = pack;
    this.#file = file;
    this.#offsets = offsets;
  }

  get length(): number {
    return this.#offsets.count;
  }

  /** Of the table; not of the few passages that are kept. */
  get memoryBytes(): number {
    return this.#offsets.memoryBytes;
  }

  /** By row. @throws AppError INTEGRITY where a row's bytes are not those that were indexed */
  async fetch(rows: Iterable<number>, signal?: AbortSignal): Promise<Map<number, Passage>> {
    const found = new Map<number, Passage>();
    const missing = new Set<number>();
    for (const row of rows) {
      const known = this.#known.get(String(row));
      if (known) found.set(row, known);
      else missing.add(row);
    }
    const next = this.#runs([...missing].sort((a, b) => a - b)).values();
    const lane = async (): Promise<void> => {
      for (const run of next) {
        throwIfAborted(signal);
        const bytes = await this.#pack.range(this.#file, run.start, run.end, { signal });
        for (const row of run.rows) found.set(row, this.#parse(row, bytes, run.start));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    return found;
  }

  #parse(row: number, bytes: Uint8Array, start: number): Passage {
    const [from = 0, to = 0] = this.#offsets.range(row) ?? [];
    const line = bytes.subarray(from - start, to - start);
    const passage = this.#offsets.isLine(row, line) ? new PassageFile(line).at(0) : undefined;
    if (!passage) {
      throw new AppError('INTEGRITY', `Passage ${row + 1} is not the one that was indexed.`, {
        fix: 'The pack was changed on its host: each build needs a folder of its own.',
        context: { url: this.#pack.url },
      });
    }
    this.#known.set(String(row), passage);
    return passage;
  }

  #runs(rows: readonly number[]): { start: number; end: number; rows: number[] }[] {
    const runs: { start: number; end: number; rows: number[] }[] = [];
    for (const row of rows) {
      const range = this.#offsets.range(row);
      if (!range) {
        throw new AppError('INTEGRITY', `The index knows passage ${row}, the pack has only ${this.length}.`, {
          fix: 'Build the index again.',
        });
      }
      const [start, end] = range;
      const last = runs.at(-1);
      if (last && start - last.end <= GAP_BYTES) {
        last.end = end;
        last.rows.push(row);
      } else runs.push({ start, end, rows: [row] });
    }
    return runs;
  }
}

/** Never asked: rows are looked up by `RangedPassages`. */
const NOWHERE: PassageList = { length: 0, at: () => undefined };

/** Searches rows, and fetches the passages that they are of. */
export class RangedRetriever implements LinkedRetriever {
  readonly mode: RetrievalMode;
  readonly #rows: DenseRetriever | Bm25Retriever | HybridRetriever;
  readonly #passages: RangedPassages;
  readonly #index: VectorIndex | undefined;

  constructor(
    mode: RetrievalMode,
    rows: DenseRetriever | Bm25Retriever | HybridRetriever,
    passages: RangedPassages,
    index: VectorIndex | undefined,
  ) {
    this.mode = mode;
    this.#rows = rows;
    this.#passages = passages;
    this.#index = index;
  }

  get how(): string | undefined {
    return 'how' in this.#rows ? this.#rows.how : undefined;
  }

  /** Of dense and hybrid search. */
  get vectors(): VectorSearchInfo | undefined {
    return this.#index?.info;
  }

  /** The same pack, searched otherwise. */
  tuned(hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): RangedRetriever {
    let rows = this.#rows;
    if (rows instanceof HybridRetriever) rows = rows.with(hybrid).withVectors(vectors);
    else if (rows instanceof DenseRetriever) rows = rows.with(vectors);
    return new RangedRetriever(this.mode, rows, this.#passages, this.#index);
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    requireTopK(topK);
    const results = await this.#rows.searchRows(queries, topK, signal);
    const passages = await this.#passages.fetch(
      results.flatMap(({ rows }) => [...rows]),
      signal,
    );
    const list: PassageList = { length: this.#passages.length, at: (row) => passages.get(row) };
    return results.map((result) => toHits(result, list));
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
  const names = [OFFSETS_FILE, ...(mode === 'dense' ? [] : [CORPUS_FILES.bm25])];
  if (mode !== 'bm25') names.push(...VECTOR_FILES[manifest.index ?? 'exact']);
  return names.reduce<number>((sum, name) => sum + (packFile(manifest, name)?.bytes ?? 0), 0);
}

/** @throws AppError UNSUPPORTED for a pack without a table of offsets, INTEGRITY, NETWORK … as `HttpPack.file` */
export async function openRangedPack(
  pack: HttpPack,
  { platform, signal }: { platform?: DensePlatform | undefined; signal?: AbortSignal | undefined } = {},
): Promise<RangedPack> {
  const { manifest } = pack;
  requireSearchable(manifest);
  const file = requirePackFile(manifest, CORPUS_FILES.passages);
  const offsets = await decodeOffsets(await pack.file(OFFSETS_FILE, undefined, signal), {
    passages: manifest.passages,
    bytes: file.bytes,
  });
  const passages = new RangedPassages(pack, file, offsets);
  // Of all modes: what one has fetched, the others need not.
  const [words, vectors] = [new Shared<Bm25Index>(), new Shared<VectorIndex>()];
  const first = async (): Promise<Passage | undefined> =>
    passages.length === 0 ? undefined : (await passages.fetch([0])).get(0);

  async function openWords(onProgress?: OnProgress, signal?: AbortSignal): Promise<Bm25Retriever> {
    const known = { length: passages.length, first };
    const open = () => openIndexFiles(packFiles(pack, onProgress, signal), known).bm25(onProgress, signal);
    return new Bm25Retriever(await words.get(open, signal), NOWHERE);
  }

  async function openRows(
    mode: RetrievalMode,
    encoder: () => Promise<Encoder>,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RangedRetriever> {
    if (mode === 'bm25') {
      return new RangedRetriever(mode, await openWords(onProgress, signal), passages, undefined);
    }
    const loaded = await encoder();
    const files = packFiles(pack, onProgress, signal);
    const source = { files, kind: manifest.index ?? 'exact', passages: { length: passages.length, first } };
    const index = await vectors.get(() => openVectorIndex(source, loaded, platform, signal), signal);
    const dense = new DenseRetriever(index, loaded, NOWHERE, {
      describe: (settings) => describeVectorSearch(index.info, settings),
    });
    const rows =
      mode === 'dense' ? dense : new HybridRetriever(dense, await openWords(onProgress, signal), NOWHERE);
    return new RangedRetriever(mode, rows, passages, index);
  }

  return {
    passages,
    modes: manifest.encoder === null ? ['bm25'] : ['dense', 'bm25', 'hybrid'],
    open: openRows,
    get memoryBytes() {
      const table = vectors.opened ? (packFile(manifest, VECTOR_BLOCKS_FILE)?.bytes ?? 0) : 0;
      const indexes = (words.opened?.memoryBytes ?? 0) + (vectors.opened?.memoryBytes ?? 0);
      return passages.memoryBytes + indexes + table;
    },
    dispose: () => vectors.drop((index) => index.dispose?.()),
  };
}
