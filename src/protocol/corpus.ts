/** What is known of stored corpora, and what the worker that holds them offers. */
import type { Hit, HybridSettings, OnProgress, RetrievalMode } from './retrieval';

/** Names the vectors an encoder makes: two with equal identity can be compared. */
export interface EncoderIdentity {
  /** `demo-encoder`, or `owner/name` on the hub. */
  model: string;
  /** Commit or tag; `local` for what comes with the page. */
  revision: string;
  dimensions: number;
  dtype: EncoderDtype;
}

export type EncoderDtype = 'fp32' | 'fp16' | 'q8';
export type EncoderDevice = 'webgpu' | 'wasm';

export interface EncoderInfo extends EncoderIdentity {
  device: EncoderDevice;
  /** Why the preferred device or dtype is not the one in use, for people. */
  reason?: string;
}

export type DocumentKind = 'jsonl' | 'markdown' | 'text' | 'html' | 'pdf';

/** One file that a corpus was made of. */
export interface CorpusSource {
  name: string;
  kind: DocumentKind;
  bytes: number;
  passages: number;
}

export interface CorpusRecord {
  id: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  passages: number;
  /** Of all stored files. */
  bytes: number;
  /** `null`: searchable by words only. */
  encoder: EncoderIdentity | null;
  sources: CorpusSource[];
  /** File name → sha256, hexadecimal. */
  files: Record<string, string>;
  /** Present where the passages lie elsewhere; then there are no files here. */
  link?: CorpusLink;
}

/** What answers searches in place of files on this device. Addresses carry no credentials; keys are never stored. */
export type CorpusLink = PackLink | RemoteLink;

/** An index pack on a static host, read by range. */
export interface PackLink {
  kind: 'pack';
  /** Of its folder, with a slash at the end. */
  url: string;
  /** sha256 of its manifest when it was linked: a pack that has changed since is another one. */
  manifest: string;
}

export const REMOTE_KINDS = ['retrieve', 'qdrant', 'opensearch', 'elasticsearch'] as const;
export type RemoteKind = (typeof REMOTE_KINDS)[number];

/** A retrieval server. */
export interface RemoteLink {
  kind: RemoteKind;
  /** http or https, no slash at the end; with the path of a proxy, where there is one. */
  url: string;
  /** The collection of Qdrant, the index of the others; empty for `/retrieve`. */
  collection: string;
}

/** The files of a stored corpus. `vectors.bin` is absent where `encoder` is `null`. */
export const CORPUS_FILES = {
  passages: 'passages.jsonl',
  bm25: 'bm25.bin',
  vectors: 'vectors.bin',
} as const;

export interface NewCorpus {
  name: string;
  passages: number;
  encoder: EncoderIdentity | null;
  sources: CorpusSource[];
  link?: CorpusLink;
}

export interface CorpusFile {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface StorageEstimate {
  usedBytes: number;
  /** What the browser would allow in all. */
  quotaBytes: number;
  /** Whether the browser has promised not to evict. */
  persisted: boolean;
}

/** Durable corpora. A corpus is visible only when complete: files first, record last. */
export interface CorpusStore {
  /** Oldest first. */
  list(): Promise<CorpusRecord[]>;
  /** Rejects with `STORAGE_FULL`, nothing left behind, when the browser gives no more room. */
  create(corpus: NewCorpus, files: readonly CorpusFile[], signal?: AbortSignal): Promise<CorpusRecord>;
  /** Rejects with `NOT_FOUND`, or `INTEGRITY` where the bytes are not those that were stored. */
  read(id: string, file: string): Promise<Uint8Array<ArrayBuffer>>;
  rename(id: string, name: string): Promise<CorpusRecord>;
  /** Deleting what is not there is no error. */
  remove(id: string): Promise<void>;
  /** Removes what interrupted imports left; returns how many. */
  sweep(): Promise<number>;
  estimate(): Promise<StorageEstimate>;
  /** Asks the browser to keep the data; true when it promises. */
  persist(): Promise<boolean>;
}

/** A file as the browser and the command line hand it in; `File` is one. */
export interface DocumentFile {
  /** With the folder, where there is one: `notes/today.md`. */
  readonly name: string;
  readonly size: number;
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** A dropped or picked file, with its path within what was dropped: `notes/rivers.md`. */
export interface ImportFile {
  path: string;
  file: Blob;
}

export interface ImportRequest {
  name: string;
  files: ImportFile[];
  /** Id of an encoder; `null`: searchable by words only. */
  encoder: string | null;
}

/** A file that was not taken, and why. */
export interface ImportRefusal {
  path: string;
  line?: number;
  reason: string;
  fix: string;
}

export interface ImportOutcome {
  record: CorpusRecord;
  /** Files left out; the corpus holds all the others. */
  refusals: ImportRefusal[];
}

/** An opened corpus, as the pages see it. */
export interface CorpusInfo {
  id: string;
  name: string;
  passages: number;
  modes: RetrievalMode[];
  encoder: EncoderInfo | null;
}

/** The corpus that comes with the page. */
export const DEMO_CORPUS_ID = 'demo';

/** What the retrieval worker offers. Signals and callbacks are arguments of their own, so that they cross to a worker. */
export interface CorpusServiceApi {
  /** Where encoders are downloaded from, from now on: `https://huggingface.co` or a mirror of it. */
  useHub(address: string): Promise<void>;
  listCorpora(): Promise<CorpusRecord[]>;
  /** `demo`, or the id of a record. Opening twice is cheap. */
  openCorpus(
    id: string,
    mode: RetrievalMode,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<CorpusInfo>;
  closeCorpus(id: string): Promise<void>;
  /** Opens the corpus first where that has not been done. */
  search(
    corpusId: string,
    mode: RetrievalMode,
    queries: readonly string[],
    topK: number,
    signal?: AbortSignal,
    /** Of hybrid search; what is absent is the default. */
    hybrid?: Partial<HybridSettings>,
  ): Promise<Hit[][]>;
  /** Rejects, nothing stored, when no file could be taken, on abort, and when there is no room. */
  importFiles(request: ImportRequest, onProgress?: OnProgress, signal?: AbortSignal): Promise<ImportOutcome>;
  renameCorpus(id: string, name: string): Promise<CorpusRecord>;
  deleteCorpus(id: string): Promise<void>;
  estimate(): Promise<StorageEstimate>;
  persist(): Promise<boolean>;
}
