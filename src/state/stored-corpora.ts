/** The corpora of this device as the pages see them, over the worker that holds them. */
import { proxy, type RpcConnection } from '../platform/rpc/connection';
import type {
  CorpusInfo,
  CorpusMap,
  CorpusServiceApi,
  EncoderDevice,
  ImportOutcome,
  UnfinishedImport,
  VectorIndexKind,
  VectorSearchInfo,
} from '../protocol/corpus';
import { AppError } from '../protocol/errors';
import type { LinkServiceApi } from '../protocol/linked-corpora';
import type { Hit, Progress, RetrievalMode, Retriever } from '../protocol/retrieval';
import { describeVectorSearch, VECTOR_BACKENDS } from '../retrieval/describe-vectors';
import { entryOf } from './corpus-entry';
import { corpusLinks } from './corpus-links';
import type { LastUse } from './last-use';
import type {
  CorpusEntry,
  CorpusLibrary,
  CorpusLinks,
  ImportReport,
  ImportRequest,
  LoadEvent,
  OfferedPack,
  UpdateRequest,
} from './laboratory';
import { idsOf } from './several-corpora';

type Service = CorpusServiceApi & LinkServiceApi;

const DEVICES: Record<EncoderDevice, string> = { webgpu: 'WebGPU', wasm: 'WASM' };

type OnProgress = (progress: Progress) => void;

interface OpenCorpus {
  modes: Set<RetrievalMode>;
  memoryBytes?: number;
  backend?: string;
  backendReason?: string;
  /** The same for traces. */
  how?: string;
}

const reportOf = ({ record, refusals, repeats, changes }: ImportOutcome): ImportReport => ({
  ...{ entry: entryOf(record), refusals },
  ...(repeats && { repeats }),
  ...(changes && { changes }),
});

/** How vectors are searched: `graph (ef 128), WASM, 4 threads, int8`. */
const searchWords = ({ kind, backend, threads, dtype, ef }: VectorSearchInfo): string =>
  [
    ...(kind === 'hnsw' ? [`graph${ef === undefined ? '' : ` (ef ${ef})`}`] : []),
    ...(kind === 'compact' ? ['one bit, then rows'] : []),
    VECTOR_BACKENDS[backend],
    ...(threads > 1 ? [`${threads} threads`] : []),
    dtype,
  ].join(', ');

export class StoredCorpora implements CorpusLibrary {
  readonly #start: () => RpcConnection<Service>;
  readonly #demo: () => Promise<CorpusEntry>;
  readonly #packs: () => Promise<OfferedPack[]>;
  readonly #lastUse: LastUse;
  readonly #open = new Map<string, OpenCorpus>();
  readonly links: CorpusLinks = corpusLinks(() => this.#remote);
  #connection: RpcConnection<Service> | null = null;
  #hub: string | null = null;
  /** As last listed, to name a corpus before it is open. */
  readonly #names = new Map<string, string>();

  /** `demo` describes the corpus that comes with the page, `packs` what it offers. */
  constructor(
    start: () => RpcConnection<Service>,
    demo: () => Promise<CorpusEntry>,
    packs: () => Promise<OfferedPack[]>,
    lastUse: LastUse,
  ) {
    this.#start = start;
    this.#demo = demo;
    this.#packs = packs;
    this.#lastUse = lastUse;
  }

  get #remote(): RpcConnection<Service>['remote'] {
    if (!this.#connection || this.#connection.lost.aborted) {
      this.#connection = this.#start();
      this.#open.clear();
      this.#tellHub();
    }
    return this.#connection.remote;
  }

  useHub(address: string): void {
    this.#hub = address;
    this.#tellHub();
  }

  #tellHub(): void {
    // A worker that is gone is told when it is started again.
    if (this.#hub !== null) void this.#connection?.remote.useHub(this.#hub).catch(() => undefined);
  }

  async list(): Promise<CorpusEntry[]> {
    const [demo, records] = await Promise.all([this.#demo(), this.#remote.listCorpora()]);
    const entries = [demo, ...records.map(entryOf)];
    for (const { id, name } of entries) this.#names.set(id, name);
    return entries.map((entry) => {
      const used = this.#lastUse.of(entry.id);
      const { modes, ...held } = this.#open.get(entry.id) ?? {};
      return {
        ...entry,
        ...(used !== undefined && { lastUsedAt: used }),
        ...(modes && { open: [...modes], ...held }),
      };
    });
  }

  async import(
    request: ImportRequest,
    onProgress: OnProgress,
    signal: AbortSignal,
    pause: AbortSignal,
  ): Promise<ImportReport> {
    return reportOf(await this.#remote.importFiles(request, proxy(onProgress), signal, pause));
  }

  unfinished(): Promise<UnfinishedImport[]> {
    return this.#remote.listUnfinished();
  }

  async resume(
    id: string,
    onProgress: OnProgress,
    signal: AbortSignal,
    pause: AbortSignal,
  ): Promise<ImportReport> {
    const outcome = await this.#remote.resumeImport(id, proxy(onProgress), signal, pause);
    this.#open.delete(outcome.record.id);
    return reportOf(outcome);
  }

  async update(
    id: string,
    request: UpdateRequest,
    onProgress: OnProgress,
    signal: AbortSignal,
    pause: AbortSignal,
  ): Promise<ImportReport> {
    const outcome = await this.#remote.updateCorpus(id, request, proxy(onProgress), signal, pause);
    this.#open.delete(id);
    return reportOf(outcome);
  }

  async buildIndex(
    id: string,
    kind: VectorIndexKind,
    onProgress: OnProgress,
    signal: AbortSignal,
    pause?: AbortSignal,
  ): Promise<CorpusEntry> {
    const record = await this.#remote.buildIndex(id, kind, proxy(onProgress), signal, pause);
    this.#open.delete(id);
    return entryOf(record);
  }

  map(id: string, onProgress: OnProgress, signal: AbortSignal): Promise<CorpusMap> {
    return this.#remote.mapCorpus(id, proxy(onProgress), signal);
  }

  discard(id: string): Promise<void> {
    return this.#remote.discardImport(id);
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#remote.renameCorpus(id, name);
  }

  async remove(id: string): Promise<void> {
    await this.#remote.deleteCorpus(id);
    this.#open.delete(id);
    this.#lastUse.forget(id);
  }

  offered(): Promise<OfferedPack[]> {
    return this.#packs();
  }

  async search(
    id: string,
    mode: RetrievalMode,
    query: string,
    topK: number,
    signal: AbortSignal,
  ): Promise<Hit[]> {
    const [hits = []] = await this.#remote.search(id, mode, [query], topK, signal);
    // One that is open already: this asks what is held, and does nothing else.
    this.#used(id, mode, await this.#remote.openCorpus(id, mode, undefined, signal));
    return hits;
  }

  /** Remembers that each of the corpora was used, and of one by itself what is in memory of it. */
  #used(choice: string, mode: RetrievalMode, { vectors, memoryBytes }: CorpusInfo): void {
    const ids = idsOf(choice);
    for (const id of ids) {
      this.#lastUse.note(id);
      const { modes = new Set<RetrievalMode>(), ...before } = this.#open.get(id) ?? {};
      const alone = ids.length === 1;
      this.#open.set(id, {
        ...before,
        modes: modes.add(mode),
        ...(alone && memoryBytes !== undefined && { memoryBytes }),
        ...(alone &&
          vectors && {
            ...{ backend: searchWords(vectors), backendReason: vectors.reason },
            how: describeVectorSearch(vectors),
          }),
      });
    }
  }

  /** Opens a corpus for searching, with progress; refuses a mode that it was not made for. */
  async open(
    id: string,
    mode: RetrievalMode,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const demo = await this.#demo();
    this.#names.set(demo.id, demo.name);
    const name = idsOf(id)
      .map((one) => this.#names.get(one) ?? '')
      .join(' + ');
    onEvent({ part: 'corpus', phase: 'read', name });
    const onProgress = (progress: Progress): void => {
      // What comes as bytes is the encoder's files; the corpus itself is counted in passages.
      if (progress.unit === 'bytes') {
        onEvent({ part: 'encoder', phase: 'download', name: progress.label ?? '', progress });
      } else onEvent({ part: 'corpus', phase: 'index', name, progress });
    };
    const info = await this.#remote.openCorpus(id, mode, proxy(onProgress), signal);
    if (!info.modes.includes(mode)) {
      throw new AppError(
        'UNSUPPORTED',
        idsOf(id).length > 1
          ? `“${info.name}” cannot all be searched in this way.`
          : `“${info.name}” was added without an encoder, so only words can be searched.`,
        {
          fix: 'Choose BM25 in the settings of the run, or add the documents again with an encoder.',
        },
      );
    }
    this.#used(id, mode, info);
    onEvent({
      ...{ part: 'corpus', phase: 'ready', name: info.name },
      ...(info.vectors && { device: searchWords(info.vectors), reason: info.vectors.reason }),
    });
    if (!info.encoder) return;
    const { model, device, reason } = info.encoder;
    onEvent({
      part: 'encoder',
      phase: 'ready',
      name: model,
      device: DEVICES[device],
      ...(reason !== undefined && { reason }),
    });
  }

  retriever(id: string, mode: RetrievalMode): Retriever {
    const how = (): string | undefined => this.#open.get(id)?.how;
    return {
      mode,
      get how() {
        return mode === 'bm25' ? undefined : how();
      },
      search: (queries, topK, signal) => this.#remote.search(id, mode, queries, topK, signal),
    };
  }
}
