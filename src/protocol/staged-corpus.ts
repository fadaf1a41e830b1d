/** A corpus in the making: files that outlive the tab once there is a plan of what is still to do. */
import type {
  Chunking,
  CorpusRecord,
  CorpusSource,
  CorpusStore,
  ImportRefusal,
  NewCorpus,
  PassageChanges,
  StoredFile,
  VectorIndexKind,
  RepeatedRows,
  WordSettings,
} from './corpus';
import type { EncoderRequest } from './encoder';

/** A file that is written from its start on. */
export interface FileSink {
  /** Rejects with `STORAGE_FULL`. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Forgets what comes after this many bytes. */
  truncate(bytes: number): Promise<void>;
  /** What was written is on the disk afterwards. To be called once, whatever happened. */
  close(): Promise<void>;
}

/** Written when what is still to do needs no file of the user's any more: when all passages are stored, or only an index is to be built. */
export interface ImportPlan {
  format: 's3-web/import';
  version: 1;
  name: string;
  /** ISO 8601. */
  startedAt: string;
  passages: number;
  /** sha256 of the passages. */
  hash: string;
  sources: CorpusSource[];
  refusals: ImportRefusal[];
  repeats?: RepeatedRows;
  /** How the files were cut. */
  chunking?: Chunking;
  /** Of an update. */
  changes?: PassageChanges;
  /** `null`: searchable by words only. */
  encoder: EncoderRequest | null;
  words: WordSettings;
  /** Over the vectors. Absent: `exact`. */
  index?: VectorIndexKind;
  /** The corpus whose place the new one takes. */
  replaces?: string;
  /** Only its index is another one: its passages, words and vectors are not staged, but taken from it at the end. */
  task?: 'index';
  /** No import, but a pack on its way here: where it comes from, the hash of its manifest, and how long it is. */
  pack?: { url: string; hash: string; bytes: number };
}

export interface StagedCorpus {
  readonly id: string;
  /** Absent before `keep`. */
  readonly plan: ImportPlan | undefined;
  /** `keep`: so many bytes of what is there, after which it goes on. Default: none. */
  sink(file: string, keep?: number): Promise<FileSink>;
  write(file: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void>;
  /** `null` where there is no such file. */
  read(file: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** To be read piece by piece, held against no hash. `null` where there is no such file. */
  open(file: string): Promise<StoredFile | null>;
  /** Exactly these bytes. Rejects with `INTEGRITY` where the file is missing or ends before. */
  readRange(
    file: string,
    start: number,
    bytes: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** sha256, hexadecimal, without the file lying in memory. Rejects with `INTEGRITY` where there is no such file. */
  hashOf(file: string, signal?: AbortSignal): Promise<string>;
  remove(file: string): Promise<void>;
  /** Names of what is staged. */
  list(): Promise<string[]>;
  /** From now on what is staged survives the tab. */
  keep(plan: ImportPlan): Promise<void>;
  /** These of the files become the corpus, the others go; with `replaces`, in the place of that one. */
  commit(corpus: NewCorpus, files: readonly string[], replaces?: string): Promise<CorpusRecord>;
}

export interface StagedImport {
  id: string;
  plan: ImportPlan;
  files: string[];
  /** Of a pack: what has come. */
  bytes?: number;
}

export interface StageOptions {
  /** Id of what was cut short. */
  resume?: string;
  /**
   * Hash of a pack that is fetched: goes on with what there is of it. Those of one pack wait for one another, not for imports, and what has
   * come stays whatever happens, unless the disk is full.
   */
  pack?: string;
  signal?: AbortSignal | undefined;
  onWait?: () => void;
}

/** One import at a time, over all tabs of the browser. */
export interface StagingStore extends CorpusStore {
  /**
   * Does the work on a new corpus, or on that of `resume`. When the work fails, what it staged is removed, unless there is a plan and
   * the failure can pass; when it is stopped or the disk is full, it is removed in any case. An `ABORTED` whose context says `paused` can pass.
   */
  stage<T>(work: (staged: StagedCorpus) => Promise<T>, options?: StageOptions): Promise<T>;
  /** Imports and packs that were cut short, the oldest first; not those at work in some tab. */
  unfinished(): Promise<StagedImport[]>;
  discard(id: string): Promise<void>;
}
