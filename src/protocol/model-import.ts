/** What importing a model means to those who ask for it and to those who keep its files. */

/** How the matrices of a model are kept. Norms and biases are always f32. */
export type WeightType = 'f32' | 'f16' | 'q8' | 'q4';

/** A file and its length. */
export interface FileEntry {
  /** Relative, with slashes; see `RegistryFileSchema`. */
  path: string;
  bytes: number;
}

/**
 * Where an import writes: one model's own folder, in OPFS or on a disk. The importer writes shards one after the other, its journal
 * `import.json` after each, and the manifest `pack.json` last of all; then it calls `commit`. A folder without a `pack.json` is never a
 * model. What an interrupted import has left must stay: the next `importModel` into the same sink goes on from there, after it has
 * checked the hash of what it finds.
 */
export interface FileSink {
  /** Every file that is there. */
  list(): Promise<FileEntry[]>;
  /** A whole file (none is longer than a shard, 64 MiB); null where there is none. */
  read(path: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Creates or replaces a file. Once resolved, it outlives the tab. The bytes are the sink's only until then: the importer reuses
   * the buffer.
   * @throws AppError STORAGE_FULL, PERMISSION
   */
  write(path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void>;
  /** Nothing there is no error. */
  remove(path: string): Promise<void>;
  /** The model is complete: `pack.json` and every file that it names are written. Makes it visible. */
  commit(): Promise<void>;
}

export interface ImportProgress {
  phase: 'plan' | 'transfer' | 'finish';
  /** Bytes of the source that are dealt with, those of a former attempt included. */
  done: number;
  total: number;
  /** Of `done`, what a former attempt had left and was found sound. */
  resumed: number;
  /** What is being worked on, for people: a tensor or a file. */
  label: string;
}
export type OnImportProgress = (progress: ImportProgress) => void;

/** Something of the source that did not come over as it was, in a sentence for people. */
export interface ImportNotice {
  kind: 'requantised' | 'narrowed' | 'left out' | 'no tokenizer';
  message: string;
  /** How many tensors it concerns. */
  tensors: number;
}

/** What an import will do, known before the weights are transferred. */
export interface ImportSummary {
  /** `hf:owner/name`, a folder's or a file's name. */
  name: string;
  /** Architecture as `config.json` names it. */
  architecture: string;
  weights: WeightType | 'as stored';
  parameters: number;
  /** Bytes that are read from the source. */
  sourceBytes: number;
  /** Bytes that the pack will have. */
  packBytes: number;
  shards: number;
  licence?: string;
  /** The commit, where the source has one. */
  revision?: string;
  notices: ImportNotice[];
}

export interface ImportReport extends ImportSummary {
  /** Source bytes that this run did not need to fetch again. */
  resumedBytes: number;
  /** Root mean square of (stored − source) over that of the source, over all tensors that were quantised; absent if none was. */
  relativeError?: number;
}
