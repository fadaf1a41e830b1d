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

export type DocumentKind = 'jsonl' | 'csv' | 'parquet' | 'markdown' | 'text' | 'html' | 'pdf';

/** Whose form the rows of a file have, told by their fields; `plain`: id, title and text. */
export type CorpusLayout = 'wiki-18' | 'medcorp' | 'flashrag' | 'beir' | 'plain';

/**
 * How running text is cut into passages. Never over a heading, and no word is lost.
 *
 * - `passage`: about `words` words, at the sentence end that lies nearest.
 * - `words`: exactly `words` words, wherever sentences end, as the passages of wiki-18 (100).
 * - `heading`: one passage a heading; only what has more than `words` words is cut, at sentence ends.
 * - `sentences`: windows of `sentences` sentences, each beginning with the last `overlap` of the one before.
 */
export type Chunking =
  | { by: 'passage' | 'words' | 'heading'; words: number }
  | { by: 'sentences'; sentences: number; overlap: number };

export const DEFAULT_CHUNKING: Chunking = { by: 'passage', words: 100 };
/** What each way begins with when it is chosen. */
export const CHUNKINGS: Readonly<Record<Chunking['by'], Chunking>> = {
  passage: DEFAULT_CHUNKING,
  words: { by: 'words', words: 100 },
  heading: { by: 'heading', words: 300 },
  sentences: { by: 'sentences', sentences: 5, overlap: 1 },
};

/**
 * How texts become the words that are searched. `english` is Lucene's; `simple` keeps words as they are, in lower case; `cjk` takes pairs of
 * Chinese, Japanese and Korean characters, as Lucene does; the others are words in lower case through the stemmer of their language.
 */
export const ANALYZERS = [
  'english',
  'simple',
  'cjk',
  'danish',
  'dutch',
  'finnish',
  'french',
  'german',
  'hungarian',
  'italian',
  'norwegian',
  'portuguese',
  'romanian',
  'russian',
  'spanish',
  'swedish',
  'turkish',
] as const;
export type AnalyzerName = (typeof ANALYZERS)[number];

/** Of BM25. Default: English with k1 = 0.9, b = 0.4, as s3 searches. */
export interface WordSettings {
  analyzer: AnalyzerName;
  k1: number;
  b: number;
}
export const DEFAULT_WORDS: Readonly<WordSettings> = { analyzer: 'english', k1: 0.9, b: 0.4 };

/**
 * How the vectors of a corpus are searched.
 *
 * - `exact`: every row is looked at, all of them in memory.
 * - `compact`: one bit a component in memory finds candidates, whose int8 rows are read from the disk or by range to score them.
 * - `hnsw`: a graph over the rows, by usearch; looks at a small part of them.
 */
export const VECTOR_INDEXES = ['exact', 'compact', 'hnsw'] as const;
export type VectorIndexKind = (typeof VECTOR_INDEXES)[number];

/** One file that a corpus was made of. */
export interface CorpusSource {
  name: string;
  kind: DocumentKind;
  bytes: number;
  passages: number;
  /** Of files of rows. */
  layout?: CorpusLayout;
}

export interface CorpusRecord {
  id: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  passages: number;
  /** Of all stored files. */
  bytes: number;
  /** Where they lie, if not under the id: of a corpus that was brought up to date. */
  folder?: string;
  /** `null`: searchable by words only. */
  encoder: EncoderIdentity | null;
  /** Absent: `exact`. */
  index?: VectorIndexKind;
  sources: CorpusSource[];
  /** How the files of the last import or update were cut. Absent where that is not known, as of packs and of older corpora. */
  chunking?: Chunking;
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
  limits?: RemoteLimits;
}

/** How a server is to be treated. What is absent is the default: 20 requests a second, 30 seconds, 3 retries. */
export interface RemoteLimits {
  requestsPerSecond?: number;
  timeoutMs?: number;
  retries?: number;
}

/**
 * The files of a stored corpus. `vectors.bin` is absent where `encoder` is `null`, the last two unless the index is of their kind, and
 * `passages.idx` in corpora of earlier versions.
 */
export const CORPUS_FILES = {
  passages: 'passages.jsonl',
  /** Where each passage lies. */
  offsets: 'passages.idx',
  bm25: 'bm25.bin',
  vectors: 'vectors.bin',
  /** Of `compact`. */
  signs: 'signs.bin',
  /** Of `hnsw`, as usearch writes it. */
  graph: 'graph.usearch',
} as const;

export interface NewCorpus {
  name: string;
  passages: number;
  encoder: EncoderIdentity | null;
  index?: VectorIndexKind;
  sources: CorpusSource[];
  chunking?: Chunking;
  link?: CorpusLink;
}

export interface CorpusFile {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** A file that is read from its start on. */
export interface StoredFile {
  readonly bytes: number;
  /**
   * In order; none is kept. That they are what was stored is known at the end alone: what came before must not be used until then.
   * Rejects with `INTEGRITY` where they are not.
   */
  pieces(signal?: AbortSignal): AsyncIterable<Uint8Array<ArrayBuffer>>;
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
  /** A file to be read piece by piece, so that it need not lie in memory twice to get where it belongs. Rejects as `read`. */
  open(id: string, file: string): Promise<StoredFile>;
  /**
   * Exactly these bytes. They are not checked against the hash, which is of the whole file: whoever asks has a checksum of the part.
   * Rejects with `NOT_FOUND`, or `INTEGRITY` where the file is missing or ends before.
   */
  readRange(
    id: string,
    file: string,
    start: number,
    bytes: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
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
  /** A part alone, where that can be had without what lies before it. */
  range?(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
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
  /** Default: `DEFAULT_CHUNKING`. Rows of tables and JSONL are passages already; only those over 300 words are cut. */
  chunking?: Chunking;
  /** What is absent is the default. */
  words?: Partial<WordSettings>;
  /** Default: `exact`. */
  index?: VectorIndexKind;
  /** Whether ids that come again are numbered. Default: a file that repeats an id is refused. */
  numberRepeats?: boolean;
}

export interface CorpusUpdate {
  files: ImportFile[];
  /** Whether passages that are not in the files stay. Default: they go. */
  add?: boolean;
  /** Ids of passages to delete. */
  remove?: readonly string[];
  /** Default: as the corpus was cut, where its record says so. */
  chunking?: Chunking;
  numberRepeats?: boolean;
}

/** Passages that are new, have another text, are gone, stayed. */
export interface PassageChanges {
  added: number;
  changed: number;
  removed: number;
  kept: number;
}

export interface UpdateOutcome extends ImportOutcome {
  changes: PassageChanges;
}

/** An import that was cut short after its files had been read: it goes on without them. */
export interface UnfinishedImport {
  id: string;
  name: string;
  /** ISO 8601. */
  startedAt: string;
  passages: number;
  /** Of them, about; 0 where there is no encoder. */
  embedded: number;
  /** Its id; `null`: searchable by words only. */
  encoder: string | null;
  /** The corpus that it brings up to date, where it is no new one. */
  replaces?: string;
  /** Only another index of the corpus in `replaces` is built. */
  task?: 'index';
  /** Over the vectors. Absent: `exact`. */
  index?: VectorIndexKind;
  /** Vectors in the graph, where building one had begun. */
  graphRows?: number;
}

/** A file that was not taken, and why. */
export interface ImportRefusal {
  path: string;
  line?: number;
  reason: string;
  fix: string;
}

/** What became of ids that came again, where they were to be numbered. */
export interface RepeatedRows {
  /** Kept under another id: `id~2`. */
  numbered: number;
  /** The same word for word, and counted once. */
  dropped: number;
}

export interface ImportOutcome {
  record: CorpusRecord;
  /** Files left out; the corpus holds all the others. */
  refusals: ImportRefusal[];
  /** Absent where there were none. */
  repeats?: RepeatedRows;
  /** Of an update, also of one that was gone on with. */
  changes?: PassageChanges;
}

/** How the vectors of an opened corpus are searched. All backends of the exact kind give the same results. */
export interface VectorSearchInfo {
  /** Absent: `exact`. */
  kind?: VectorIndexKind;
  /** `native`: an addon of Node, on the command line. */
  backend: 'webgpu' | 'wasm' | 'typescript' | 'native';
  dtype: 'f32' | 'f16' | 'int8';
  threads: number;
  /** Of one query, measured when the corpus was opened. */
  milliseconds: number;
  /** Of `hnsw`: how many candidates a search looks at. */
  ef?: number;
  /** Why this way, for people. */
  reason: string;
}

/** Of one search by vectors. What is absent is the default of the index. */
export interface VectorSearchSettings {
  /** Of `hnsw`: how many candidates are looked at, at least 1. More find more, and take longer. Others pay it no heed. */
  ef: number;
}

/** An opened corpus, as the pages see it. */
export interface CorpusInfo {
  id: string;
  name: string;
  passages: number;
  modes: RetrievalMode[];
  encoder: EncoderInfo | null;
  /** Of dense and hybrid search. */
  vectors?: VectorSearchInfo;
  /** Held in memory for the modes that were opened, in bytes: passages and indexes; not the encoder. Absent where it is not known. */
  memoryBytes?: number;
}

/** Passages as points on a plane; near on it is often near in meaning. */
export interface CorpusMap {
  /** Of the corpus, ascending: all of them, or an even sample. */
  rows: Uint32Array;
  /** Of each: between -1 and 1. */
  x: Float32Array;
  y: Float32Array;
  /** What it is called: its title, or how its text begins. */
  titles: string[];
  /** Of the variance of the vectors, what is seen along x and y, between 0 and 1. */
  shares: [number, number];
}

/** The corpus that comes with the page. */
export const DEMO_CORPUS_ID = 'demo';

/** What the retrieval worker offers. Signals and callbacks are arguments of their own, so that they cross to a worker. */
export interface CorpusServiceApi {
  /** Where encoders are downloaded from, from now on: `https://huggingface.co` or a mirror of it. */
  useHub(address: string): Promise<void>;
  listCorpora(): Promise<CorpusRecord[]>;
  /** `demo`, or the id of a record, or several with `+` between them, which are searched as one. Opening twice is cheap. */
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
    /** Of dense and hybrid search. */
    vectors?: Partial<VectorSearchSettings>,
  ): Promise<Hit[][]>;
  /**
   * Rejects, nothing stored, when no file could be taken, on abort, and when there is no room. When `pause` fires, the files are read to their
   * end, so that nothing needs them any more; then it stops, rejects with `ABORTED`, and is unfinished, to go on with at any time.
   */
  importFiles(
    request: ImportRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<ImportOutcome>;
  /** Imports, updates and new indexes that were paused, or cut short when their tab was closed, and can go on. */
  listUnfinished(): Promise<UnfinishedImport[]>;
  /** Goes on where it was cut short. */
  resumeImport(
    id: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<ImportOutcome>;
  discardImport(id: string): Promise<void>;
  /**
   * The corpus becomes what the files hold, or with `add` what it was and they hold: a passage of theirs takes the place of that of the same id.
   * Passages whose text has not changed are neither analysed nor embedded again. Until all is done, and if it fails, the corpus stays as it was.
   */
  updateCorpus(
    id: string,
    update: CorpusUpdate,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<UpdateOutcome>;
  /**
   * Gives a corpus another index over its vectors; nothing is embedded again. One import or build at a time, over all tabs. Until it is done,
   * and if it fails or is stopped, the corpus stays as it was. Rejects with `UNSUPPORTED` for a corpus without vectors, or one that lies elsewhere.
   * What it already has is no error. When `pause` fires, it rejects with `ABORTED` and is unfinished, as an import; a graph goes on with the
   * vectors that it has, also after its tab was closed.
   */
  buildIndex(
    id: string,
    kind: VectorIndexKind,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    pause?: AbortSignal,
  ): Promise<CorpusRecord>;
  /** Rejects with `UNSUPPORTED` for a corpus without vectors, one that lies elsewhere, and one too large to be drawn. */
  mapCorpus(id: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<CorpusMap>;
  renameCorpus(id: string, name: string): Promise<CorpusRecord>;
  deleteCorpus(id: string): Promise<void>;
  estimate(): Promise<StorageEstimate>;
  persist(): Promise<boolean>;
}
