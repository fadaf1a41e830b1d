/** Where models come from: a repository of the hub, a folder, dropped files. All the same to the importer. */
import type { FileEntry } from '../../protocol/model-import';
import type { ByteSource } from '../byte-source';

export interface ModelOrigin {
  /** For people and for `pack.json`: `hf:owner/name`, a folder's or a file's name. */
  name: string;
  /** The commit that the files are of; every range comes from it. */
  revision?: string;
  /** SPDX-like, as the model card says. */
  licence?: string;
}

export interface ModelSource {
  /**
   * Its files.
   * @throws AppError NOT_FOUND, AUTH (gated or private), RATE_LIMITED, NETWORK, TIMEOUT, BAD_RESPONSE, ABORTED
   */
  list(signal?: AbortSignal): Promise<FileEntry[]>;
  /** Known after `list`. */
  origin(): ModelOrigin;
  /**
   * Opens one of the listed files; nothing but its length need be fetched. `read` may then throw the errors of `list`, and INTEGRITY
   * where the file has changed since it was opened.
   */
  open(path: string, signal?: AbortSignal): Promise<ByteSource>;
}
