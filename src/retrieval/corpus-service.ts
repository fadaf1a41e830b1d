/** What the retrieval worker holds: the demo corpus and the stored ones, opened when asked for. */
import { AppError, isAbort, throwIfAborted, toEnvelope } from '../protocol/errors';
import {
  DEMO_CORPUS_ID,
  type CorpusInfo,
  type CorpusLink,
  type CorpusMap,
  type CorpusRecord,
  type CorpusServiceApi,
  type CorpusUpdate,
  type EncoderInfo,
  type ImportOutcome,
  type ImportRequest,
  type StorageEstimate,
  type UnfinishedImport,
  type UpdateOutcome,
  type VectorIndexKind,
  type VectorSearchSettings,
} from '../protocol/corpus';
import { requestOf, sameEncoder, type EncoderRequest, type EncoderServiceApi } from '../protocol/encoder';
import type {
  Encoder,
  Hit,
  HybridSettings,
  OnProgress,
  RetrievalMode,
  Retriever,
} from '../protocol/retrieval';
import type { StagingStore } from '../protocol/staged-corpus';
import { Bm25Retriever } from './bm25/bm25-retriever';
import { filesOf, openCorpusFiles, type SearchableCorpus, type VectorIndex } from './corpus-files';
import { mapOf, requireDrawable, vectorsElsewhere } from './corpus-map';
import { openDemoCorpus, type DemoParts } from './demo-corpus';
import { DenseRetriever, openDenseIndex, type DensePlatform } from './dense';
import type { ReadOptions } from './documents/read-passages';
import type { RowRetriever } from './hits';
import {
  combineVectors,
  combineWords,
  corporaOf,
  fuseCorpora,
  isSeveral,
  JoinedPassages,
} from './hybrid/combined-corpora';
import { HybridRetriever } from './hybrid/hybrid-retriever';
import { importCorpus, resumeImport } from './importing/import-corpus';
import type { ImportTools } from './importing/import-tools';
import { rebuildIndex } from './importing/rebuild-index';
import { unfinishedOf } from './importing/unfinished';
import { updateCorpus } from './importing/update-corpus';
import { describeVectorSearch } from './describe-vectors';
import type { LinkedCorpus } from './linked-corpus';
import { boundEncoder, memoryOf, folderOf, modesOf, type Entry, type Opened } from './opened-corpus';

export interface CorpusServiceParts {
  /** Throws `UNSUPPORTED` where nothing can be kept; the demo works even then. */
  store: () => StagingStore;
  encoders: EncoderServiceApi;
  demo: DemoParts;
  /** Further corpora that come with the page, by id. */
  others?: Readonly<Record<string, DemoParts & { name: string }>>;
  read?: Pick<ReadOptions, 'pdf' | 'limits' | 'chunking'>;
  /** What vectors are searched with; without it, WebAssembly on one thread. */
  dense?: DensePlatform;
  /** Bytes of passages that are read whole; those of a larger file stay where they lie. Default: 64 MiB. */
  passagesInMemory?: number;
  /** Opens a corpus whose passages lie elsewhere. */
  openLinked?: (record: CorpusRecord & { link: CorpusLink }) => Promise<LinkedCorpus>;
}

export class CorpusService implements CorpusServiceApi {
  readonly #parts: CorpusServiceParts;
  readonly #entries = new Map<string, Promise<Entry>>();
  #store: Promise<StagingStore> | null = null;
  #hub: string | undefined;

  constructor(parts: CorpusServiceParts) {
    this.#parts = parts;
  }

  useHub(address: string): Promise<void> {
    this.#hub = address;
    return Promise.resolve();
  }

  async listCorpora(): Promise<CorpusRecord[]> {
    return (await this.#storage()).list();
  }

  async openCorpus(
    id: string,
    mode: RetrievalMode,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<CorpusInfo> {
    throwIfAborted(signal);
    const entry = await this.#entry(id);
    const modes = modesOf(entry);
    const opened = modes.includes(mode) ? await this.#open(entry, mode, onProgress, signal) : null;
    const { name, corpus } = entry;
    return {
      ...{ id, name, passages: corpus.passages.length, modes, encoder: opened?.info ?? null },
      ...withVectors(opened),
      ...(await memoryOf(entry)),
    };
  }

  closeCorpus(id: string): Promise<void> {
    this.#forget(id);
    return Promise.resolve();
  }

  #forget(id: string): void {
    // With the searches over several corpora of which it is one.
    for (const other of this.#entries.keys()) {
      if (isSeveral(other) && corporaOf(other).includes(id)) this.#entries.delete(other);
    }
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    const dispose = async (): Promise<void> => {
      const { corpus, opened } = (await entry) ?? {};
      if (corpus && 'open' in corpus) corpus.dispose?.();
      (await opened?.get('dense'))?.index?.dispose?.();
    };
    // What failed to open holds nothing.
    dispose().catch(() => undefined);
  }

  async search(
    corpusId: string,
    mode: RetrievalMode,
    queries: readonly string[],
    topK: number,
    signal?: AbortSignal,
    hybrid: Partial<HybridSettings> = {},
    vectors: Partial<VectorSearchSettings> = {},
  ): Promise<Hit[][]> {
    throwIfAborted(signal);
    const entry = await this.#entry(corpusId);
    try {
      return await this.#searchIn(entry, mode, queries, topK, signal, hybrid, vectors);
    } catch (error) {
      // Rows that are read as they are needed: another tab may have put another corpus in the place of this one since it was opened.
      if (toEnvelope(error).code !== 'INTEGRITY' || !(await this.#hasChanged(corpusId, entry))) throw error;
      this.#forget(corpusId);
      const fresh = await this.#entry(corpusId);
      return this.#searchIn(fresh, mode, queries, topK, signal, hybrid, vectors);
    }
  }

  async #hasChanged(id: string, { folder }: Entry): Promise<boolean> {
    const now = folder === undefined ? undefined : (await this.listCorpora()).find((one) => one.id === id);
    return now !== undefined && folderOf(now) !== folder;
  }

  async #searchIn(
    entry: Entry,
    mode: RetrievalMode,
    queries: readonly string[],
    topK: number,
    signal: AbortSignal | undefined,
    hybrid: Partial<HybridSettings>,
    vectors: Partial<VectorSearchSettings>,
  ): Promise<Hit[][]> {
    const { retriever } = await this.#open(entry, mode, undefined, signal);
    const chosen = retriever.tuned?.(hybrid, vectors) ?? retriever;
    return chosen.search(queries, topK, signal);
  }

  async importFiles(
    request: ImportRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<ImportOutcome> {
    throwIfAborted(signal);
    const encoder = request.encoder === null ? null : { id: request.encoder };
    return importCorpus(request, encoder, await this.#importTools(), { onProgress, signal, pause });
  }

  async listUnfinished(): Promise<UnfinishedImport[]> {
    const found = await (await this.#storage()).unfinished();
    // Packs on their way here are listed where packs are.
    return found.filter(({ plan }) => !plan.pack).map(unfinishedOf);
  }

  async resumeImport(
    id: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<ImportOutcome> {
    const outcome = await resumeImport(id, await this.#importTools(), { onProgress, signal, pause });
    this.#forget(outcome.record.id);
    return outcome;
  }

  async discardImport(id: string): Promise<void> {
    await (await this.#storage()).discard(id);
  }

  async updateCorpus(
    id: string,
    update: CorpusUpdate,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<UpdateOutcome> {
    const outcome = await updateCorpus(id, update, await this.#importTools(), { onProgress, signal, pause });
    this.#forget(id);
    return outcome;
  }

  async #importTools(): Promise<ImportTools> {
    return {
      store: await this.#storage(),
      read: this.#parts.read,
      openUsearch: this.#parts.dense?.openUsearch,
      passagesInMemory: this.#parts.passagesInMemory,
      now: () => new Date().toISOString(),
      loadEncoder: async (request, onProgress, signal) => {
        const { encoder, info } = await this.#loadEncoder(request, onProgress, signal);
        const { model, revision, dimensions, dtype } = info;
        return { encoder, identity: { model, revision, dimensions, dtype } };
      },
    };
  }

  async buildIndex(
    id: string,
    kind: VectorIndexKind,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<CorpusRecord> {
    throwIfAborted(signal);
    const record = await rebuildIndex(id, kind, await this.#importTools(), { onProgress, signal, pause });
    this.#forget(id);
    return record;
  }

  async mapCorpus(id: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<CorpusMap> {
    const { corpus, request } = await this.#entry(id);
    if ('open' in corpus) throw vectorsElsewhere();
    requireDrawable(corpus.passages.length);
    const { encoder } = await this.#loadEncoder(request, onProgress, signal);
    return mapOf(corpus, await corpus.vectors(encoder, onProgress, signal), signal);
  }

  async renameCorpus(id: string, name: string): Promise<CorpusRecord> {
    const record = await (await this.#storage()).rename(id, name);
    const entry = await this.#entries.get(id);
    if (entry) entry.name = record.name;
    return record;
  }

  async deleteCorpus(id: string): Promise<void> {
    this.#forget(id);
    await (await this.#storage()).remove(id);
  }

  async estimate(): Promise<StorageEstimate> {
    return (await this.#storage()).estimate();
  }

  async persist(): Promise<boolean> {
    return (await this.#storage()).persist();
  }

  #fromHub(request: EncoderRequest): EncoderRequest {
    return this.#hub === undefined ? request : { ...request, hub: this.#hub };
  }

  #storage(): Promise<StagingStore> {
    const store = (this.#store ??= this.#openStorage());
    store.catch(() => (this.#store = null));
    return store;
  }

  async #openStorage(): Promise<StagingStore> {
    const store = this.#parts.store();
    // What a crash left takes room, nothing more; a failure to remove it is no reason to fail.
    await store.sweep().catch(() => undefined);
    return store;
  }

  #entry(id: string): Promise<Entry> {
    const known = this.#entries.get(id);
    if (known) return known;
    const opening = isSeveral(id) ? this.#openSeveral(id) : (this.#openBuiltIn(id) ?? this.#openStored(id));
    this.#entries.set(id, opening);
    opening.catch(() => this.#entries.delete(id));
    return opening;
  }

  #openBuiltIn(id: string): Promise<Entry> | undefined {
    const { demo, others = {} } = this.#parts;
    const open = async ({ name, ...parts }: DemoParts & { name: string }): Promise<Entry> => ({
      ...{ name, corpus: await openDemoCorpus(parts), request: parts.encoder, opened: new Map() },
    });
    if (id === DEMO_CORPUS_ID) return open({ ...demo, name: 'Demo' });
    const other = Object.hasOwn(others, id) ? others[id] : undefined;
    return other && open(other);
  }

  async #openSeveral(id: string): Promise<Entry> {
    const ids = corporaOf(id);
    const entries = await Promise.all(ids.map((one) => this.#entry(one)));
    const modes = (['dense', 'bm25', 'hybrid'] as const).filter((mode) =>
      entries.every((entry) => modesOf(entry).includes(mode)),
    );
    const lengths = entries.map(({ corpus }) => corpus.passages.length);
    const passages = { length: lengths.reduce((sum, length) => sum + length, 0) };
    const open: LinkedCorpus['open'] = (mode, _encoder, onProgress, signal) =>
      this.#combine(entries, mode, onProgress, signal);
    return {
      ...{ name: entries.map(({ name }) => name).join(' + '), corpus: { passages, modes, open } },
      ...{ request: null, opened: new Map() },
    };
  }

  /** One ranking over all where scores can be compared, as with one encoder or one way to count words; else their ranks fused. */
  async #combine(
    entries: readonly Entry[],
    mode: RetrievalMode,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Retriever> {
    const openAll = async (wanted: RetrievalMode): Promise<Opened[]> => {
      const opened: Opened[] = [];
      // One after the other: two encoders at once need the memory of both.
      for (const entry of entries) opened.push(await this.#open(entry, wanted, onProgress, signal));
      return opened;
    };
    const lists = entries.flatMap(({ corpus }) => ('open' in corpus ? [] : [corpus.passages]));
    const passages = new JoinedPassages(lists);
    const local = lists.length === entries.length;
    const rowsOf = (opened: readonly Opened[]): RowRetriever[] => opened.flatMap(({ rows }) => rows ?? []);
    const words = async (): Promise<RowRetriever | null> =>
      local ? combineWords(rowsOf(await openAll('bm25')), passages) : null;
    const vectors = async (): Promise<RowRetriever | null> => {
      const opened = await openAll('dense');
      const [first, ...others] = opened.map(({ info }) => info);
      const comparable = first && others.every((info) => info && sameEncoder(info, first));
      return local && comparable ? combineVectors(rowsOf(opened), passages) : null;
    };
    if (mode === 'hybrid') {
      const [dense, bm25] = [await vectors(), await words()];
      if (dense && bm25) return new HybridRetriever(dense, bm25, passages);
    } else {
      const combined = await (mode === 'dense' ? vectors() : words());
      if (combined) return combined;
    }
    const parts = (await openAll(mode)).map(({ retriever }) => retriever);
    return fuseCorpora(parts, mode);
  }

  async #openStored(id: string): Promise<Entry> {
    const store = await this.#storage();
    const record = (await store.list()).find((one) => one.id === id);
    if (!record) {
      throw new AppError('NOT_FOUND', 'There is no such corpus on this device.', {
        fix: 'Choose another one; it was deleted, or the browser removed it.',
        context: { id },
      });
    }
    const corpus = await this.#openRecord(store, record);
    return {
      name: record.name,
      corpus,
      request: record.encoder && requestOf(record.encoder),
      opened: new Map(),
      folder: folderOf(record),
    };
  }

  #openRecord(store: StagingStore, record: CorpusRecord): Promise<SearchableCorpus | LinkedCorpus> {
    const { link } = record;
    if (!link) {
      return openCorpusFiles(filesOf(store, record), record.index, {
        mostInMemory: this.#parts.passagesInMemory,
      });
    }
    const { openLinked } = this.#parts;
    if (openLinked) return openLinked({ ...record, link });
    throw new AppError('UNSUPPORTED', `The corpus "${record.name}" lies elsewhere.`, {
      fix: 'Open it where the page can reach its address.',
    });
  }

  /** Whoever comes second waits for the first; but if the first stops it, the second begins anew. */
  async #open(
    entry: Entry,
    mode: RetrievalMode,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    for (;;) {
      const opening = entry.opened.get(mode) ?? this.#openMode(entry, mode, onProgress, signal);
      entry.opened.set(mode, opening);
      try {
        return await opening;
      } catch (error) {
        if (entry.opened.get(mode) === opening) entry.opened.delete(mode);
        throwIfAborted(signal);
        if (!isAbort(error)) throw error;
      }
    }
  }

  async #openMode(
    entry: Entry,
    mode: RetrievalMode,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { corpus, request: named } = entry;
    if ('open' in corpus) {
      let info: EncoderInfo | null = null;
      const encoder = async (): Promise<Encoder> => {
        const loaded = await this.#loadEncoder(named, onProgress, signal);
        info = loaded.info;
        return loaded.encoder;
      };
      return { retriever: await corpus.open(mode, encoder, onProgress, signal), info };
    }
    if (mode === 'bm25') {
      const words = new Bm25Retriever(await corpus.bm25(onProgress, signal), corpus.passages);
      return { retriever: words, rows: words, info: null };
    }
    if (mode === 'hybrid') {
      const dense = await this.#open(entry, 'dense', onProgress, signal);
      const words = await this.#open(entry, 'bm25', onProgress, signal);
      if (!dense.rows || !words.rows) throw new AppError('INTERNAL', 'A ranking to fuse is missing.');
      return { ...dense, retriever: new HybridRetriever(dense.rows, words.rows, corpus.passages) };
    }
    const { encoder, info } = await this.#loadEncoder(named, onProgress, signal);
    const { dense: platform } = this.#parts;
    const index: VectorIndex = corpus.openVectors
      ? await corpus.openVectors(encoder, platform, signal)
      : await openDenseIndex(await corpus.vectors(encoder, onProgress, signal), platform, signal);
    const describe = (settings: Partial<VectorSearchSettings>): string =>
      describeVectorSearch(index.info, settings);
    const dense = new DenseRetriever(index, encoder, corpus.passages, { describe });
    return { retriever: dense, rows: dense, index, info };
  }

  async #loadEncoder(
    named: EncoderRequest | null,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ encoder: Encoder; info: EncoderInfo }> {
    if (!named) {
      throw new AppError('UNSUPPORTED', 'This corpus has no vectors; it can be searched by words only.', {
        fix: 'Search with BM25, or import the documents again with an encoder.',
      });
    }
    const { encoders } = this.#parts;
    const request = this.#fromHub(named);
    const info = await encoders.load(request, onProgress, signal);
    return { encoder: boundEncoder(encoders, request, info.dimensions), info };
  }
}

function withVectors(opened: Opened | null): Pick<CorpusInfo, 'vectors'> {
  const vectors = opened?.index?.info ?? opened?.retriever.vectors;
  return vectors ? { vectors } : {};
}
