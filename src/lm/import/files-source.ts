import { AppError, throwIfAborted } from '../../protocol/errors';
import type { FileEntry } from '../../protocol/model-import';
import { blobSource, type ByteSource } from '../byte-source';
import type { ModelOrigin, ModelSource } from './model-source';

/** Files at hand, such as dropped ones or those of a store, by path. Folders above that all of them share are left out. */
export class FilesSource implements ModelSource {
  readonly #files: Map<string, Blob>;
  readonly #name: string;

  constructor(name: string, files: ReadonlyMap<string, Blob>) {
    this.#name = name;
    this.#files = withoutCommonFolder(files);
  }

  origin(): ModelOrigin {
    return { name: this.#name };
  }

  list(): Promise<FileEntry[]> {
    return Promise.resolve([...this.#files].map(([path, { size }]) => ({ path, bytes: size })));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- so that a missing file rejects
  async open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    throwIfAborted(signal);
    const blob = this.#files.get(path);
    if (blob) return blobSource(path, blob);
    throw new AppError('NOT_FOUND', `There is no ${path} among the files of ${this.#name}.`, {
      fix: 'Choose the whole folder of the model.',
    });
  }
}

function withoutCommonFolder(files: ReadonlyMap<string, Blob>): Map<string, Blob> {
  let entries = [...files].map(([path, blob]) => [path.replace(/^\/+/, ''), blob] as const);
  for (;;) {
    const folders = new Set(entries.map(([path]) => (path.includes('/') ? (path.split('/')[0] ?? '') : '')));
    const [folder] = folders;
    if (folders.size !== 1 || !folder) return new Map(entries);
    entries = entries.map(([path, blob]) => [path.slice(folder.length + 1), blob] as const);
  }
}
