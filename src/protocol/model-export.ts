/** Taking a model out of the browser again, as files that other programs read. */
import type { FileEntry } from './model-import';

/** Element type of merged weights. */
export type ExportType = 'f32' | 'f16' | 'bf16';

export interface ExportModelRequest {
  /** Of a stored model. */
  model: string;
  /**
   * `pack`: as it is stored, to be brought in elsewhere without a loss. `safetensors`: Hugging Face's layout, with an adapter merged in
   * where one is named. `peft`: the adapter alone, as it was brought in.
   */
  format: 'pack' | 'safetensors' | 'peft';
  /** One of its adapters; needed for `peft`, not taken for `pack`. */
  adapter?: string;
  /** Of safetensors; default `bf16`, as models are released. */
  type?: ExportType;
  /** The files are written into a new folder in here. Default: they come as one archive. */
  folder?: FileSystemDirectoryHandle;
}

export interface ModelExport {
  /** Of the folder, or of the archive without its `.tar`. */
  name: string;
  files: FileEntry[];
  /** An uncompressed tar, if no folder was given. Its bytes are on the disk, and gone when the page is closed. */
  archive?: Blob;
}

/** A file of an export. Its bytes come when they are asked for, so that they can be streamed. */
export interface ExportedFile extends FileEntry {
  /** The same bytes where they lie on the disk already, so that an archive can hold them without a copy. */
  stored?: Blob;
  parts(signal?: AbortSignal): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** Where an export goes. */
export interface ExportTarget {
  /** As `ModelExport` has it. */
  readonly name: string;
  /**
   * Writes files one after the other; a file appears under its name when all of it is there.
   * @throws AppError STORAGE_FULL, PERMISSION, ABORTED, and what the parts throw
   */
  write(file: ExportedFile, onBytes: (bytes: number) => void, signal?: AbortSignal): Promise<void>;
  /** All files are written; gives the archive if it is one. */
  finish(): Promise<Blob | undefined>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

export interface ExportTargetRequest {
  /** Wanted for the folder or archive. */
  name: string;
  folder: FileSystemDirectoryHandle | undefined;
  /** Of all files. */
  bytes: number;
}
