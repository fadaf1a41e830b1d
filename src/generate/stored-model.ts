import { blobSource, type ByteSource } from '../lm/byte-source';
import type { ModelOrigin, ModelSource } from '../lm/import/model-source';
import { modelFilesOf, openModel } from '../lm/import/open-model';
import type { ModelFiles } from '../lm/local-model';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { FileEntry } from '../protocol/model-import';
import type { ModelStore } from '../protocol/model-library';
import type { Sha256 } from './model-folder';

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The folder of a stored model, for whatever reads models. */
export class StoredSource implements ModelSource {
  readonly #store: ModelStore;
  readonly #id: string;
  readonly #folder: string;

  /** `folder`: below the model's own, with a slash at its end; for an adapter. */
  constructor(store: ModelStore, id: string, folder = '') {
    this.#store = store;
    this.#id = id;
    this.#folder = folder;
  }

  origin(): ModelOrigin {
    return { name: this.#id };
  }

  async list(): Promise<FileEntry[]> {
    const files = await this.#store.files(this.#id);
    return files
      .filter(({ path }) => path.startsWith(this.#folder))
      .map(({ path, bytes }) => ({ path: path.slice(this.#folder.length), bytes }));
  }

  async open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    throwIfAborted(signal);
    const blob = await this.#store.open(this.#id, `${this.#folder}${path}`);
    if (blob) return blobSource(path, blob);
    throw new AppError('INTEGRITY', `The model ${this.#id} is damaged: ${path} is missing.`, {
      fix: 'Delete it and fetch it again. The browser may have removed files to make room.',
      context: { id: this.#id, file: path },
    });
  }
}

/**
 * A stored model as the engine takes it. Every file is checked against the manifest before it is used: shards one after the other, as the
 * engine comes to them.
 * @throws AppError NOT_FOUND, INTEGRITY, ABORTED
 */
export async function readStoredModel(
  store: ModelStore,
  id: string,
  sha256: Sha256,
  signal?: AbortSignal,
): Promise<ModelFiles> {
  const opened = await openModel({
    source: new StoredSource(store, id),
    sha256: async (bytes) => hex(await sha256(bytes)),
    signal,
  });
  return modelFilesOf(opened, signal);
}
