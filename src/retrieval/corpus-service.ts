/** What the retrieval worker holds: the demo corpus and the stored ones, opened when asked for. */
import { AppError, isAbort, throwIfAborted } from '../protocol/errors';
import {
  DEMO_CORPUS_ID,
  type CorpusInfo,
  type CorpusLink,
  type CorpusRecord,
  type CorpusServiceApi,
  type CorpusStore,
  type EncoderInfo,
  type ImportOutcome,
  type ImportRequest,
  type StorageEstimate,
} from '../protocol/corpus';
import { requestOf, type EncoderRequest, type EncoderServiceApi } from '../protocol/encoder';
import type {
  Encoder,
  Hit,
  HybridSettings,
  OnProgress,
  RetrievalMode,
  Retriever,
} from '../protocol/retrieval';
import { Bm25Retriever } from './bm25/bm25-retriever';
import { buildCorpusFiles, openCorpusFiles, type SearchableCorpus } from './corpus-files';
import { openDemoCorpus, type DemoParts } from './demo-corpus';
import { DenseRetriever } from './dense';
import { importPassages } from './documents/import-passages';
import type { ReadOptions } from './documents/read-passages';
import { HybridRetriever } from './hybrid/hybrid-retriever';

export interface CorpusServiceParts {
  /** Throws `UNSUPPORTED` where nothing can be kept; the demo works even then. */
  store: () => CorpusStore;
  encoders: EncoderServiceApi;
  demo: DemoParts;
  /** Further corpora that come with the page, by id. */
  others?: Readonly<Record<string, DemoParts & { name: string }>>;
  read?: Pick<ReadOptions, 'pdf' | 'limits' | 'chunks'>;
  /** Opens a corpus whose passages lie elsewhere. */
  openLinked?: (record: CorpusRecord & { link: CorpusLink }) => Promise<LinkedCorpus>;
}

/** A corpus that is searched where it lies. */
export interface LinkedCorpus {
  readonly passages: { readonly length: number };
  readonly modes: readonly RetrievalMode[];
  /** `encoder`: loaded when it is asked for; rejects where the corpus has no vectors. */
  open(
    mode: RetrievalMode,
    encoder: () => Promise<Encoder>,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Retriever>;
}

interface Opened {
  retriever: Retriever;
  /** Of dense search. */
  info: EncoderInfo | null;
}

interface Entry {
  name: string;
  corpus: SearchableCorpus | LinkedCorpus;
  /** `null`: no vectors. */
  request: EncoderRequest | null;
  opened: Map<RetrievalMode, Promise<Opened>>;
}

/** One encoder of the service as an `Encoder`. */
export const boundEncoder = (
  encoders: EncoderServiceApi,
  request: EncoderRequest,
  dimensions: number,
): Encoder => ({
  dimensions,
  embedQueries: (texts, signal) => encoders.embedQueries(request, texts, signal),
  embedPassages: (passages, onProgress, signal) =>
    encoders.embedPassages(request, passages, onProgress, signal),
});

export class CorpusService implements CorpusServiceApi {
  readonly #parts: CorpusServiceParts;
  readonly #entries = new Map<string, Promise<Entry>>();
  #store: Promise<CorpusStore> | null = null;
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
    return { id, name, passages: corpus.passages.length, modes, encoder: opened?.info ?? null };
  }

  closeCorpus(id: string): Promise<void> {
    this.#entries.delete(id);
    return Promise.resolve();
  }

  async search(
    corpusId: string,
    mode: RetrievalMode,
    queries: readonly string[],
    topK: number,
    signal?: AbortSignal,
    hybrid: Partial<HybridSettings> = {},
  ): Promise<Hit[][]> {
    throwIfAborted(signal);
    const { retriever } = await this.#open(await this.#entry(corpusId), mode, undefined, signal);
    const chosen = retriever instanceof HybridRetriever ? retriever.with(hybrid) : retriever;
    return chosen.search(queries, topK, signal);
  }

  async importFiles(
    request: ImportRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<ImportOutcome> {
    throwIfAborted(signal);
    const { encoders, read } = this.#parts;
    const store = await this.#storage();
    const { passages, sources, refusals } = await importPassages(request.files, {
      ...read,
      onProgress,
      signal,
    });
    const wanted = request.encoder === null ? null : this.#fromHub({ id: request.encoder });
    const info = wanted && (await encoders.load(wanted, onProgress, signal));
    const files = await buildCorpusFiles(passages, {
      encoder: wanted && info && boundEncoder(encoders, wanted, info.dimensions),
      onProgress,
      signal,
    });
    const name = request.name.trim() || (sources[0]?.name ?? 'Documents');
    const encoder = info && {
      model: info.model,
      revision: info.revision,
      dimensions: info.dimensions,
      dtype: info.dtype,
    };
    const record = await store.create({ name, passages: passages.length, encoder, sources }, files, signal);
    return { record, refusals };
  }

  async renameCorpus(id: string, name: string): Promise<CorpusRecord> {
    const record = await (await this.#storage()).rename(id, name);
    const entry = await this.#entries.get(id);
    if (entry) entry.name = record.name;
    return record;
  }

  async deleteCorpus(id: string): Promise<void> {
    this.#entries.delete(id);
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

  #storage(): Promise<CorpusStore> {
    const store = (this.#store ??= this.#openStorage());
    store.catch(() => (this.#store = null));
    return store;
  }

  async #openStorage(): Promise<CorpusStore> {
    const store = this.#parts.store();
    // What a crash left takes room, nothing more; a failure to remove it is no reason to fail.
    await store.sweep().catch(() => undefined);
    return store;
  }

  #entry(id: string): Promise<Entry> {
    const known = this.#entries.get(id);
    if (known) return known;
    const opening = this.#openBuiltIn(id) ?? this.#openStored(id);
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
    };
  }

  #openRecord(store: CorpusStore, record: CorpusRecord): Promise<SearchableCorpus | LinkedCorpus> {
    const { id, link } = record;
    if (!link) return openCorpusFiles((file) => store.read(id, file));
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
    { corpus, request: named }: Entry,
    mode: RetrievalMode,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
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
      return {
        retriever: new Bm25Retriever(await corpus.bm25(onProgress, signal), corpus.passages),
        info: null,
      };
    }
    const { encoder, info } = await this.#loadEncoder(named, onProgress, signal);
    const index = await corpus.vectors(encoder, onProgress, signal);
    const dense = new DenseRetriever(index, encoder, corpus.passages);
    if (mode === 'dense') return { retriever: dense, info };
    const words = new Bm25Retriever(await corpus.bm25(onProgress, signal), corpus.passages);
    return { retriever: new HybridRetriever(dense, words, corpus.passages), info };
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

const modesOf = ({ corpus, request }: Entry): RetrievalMode[] => {
  if ('modes' in corpus) return [...corpus.modes];
  return request ? ['dense', 'bm25', 'hybrid'] : ['bm25'];
};
