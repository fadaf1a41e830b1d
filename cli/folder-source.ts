import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { ByteSource } from '../src/lm/byte-source';
import type { ModelOrigin, ModelSource } from '../src/lm/import/model-source';
import type { FileEntry } from '../src/protocol/model-import';
import { AppError } from '../src/protocol/errors';
import { openFileSource } from './file-source';

/** A model's folder, or a single file, on the disk. */
export class FolderSource implements ModelSource {
  readonly #folder: string;
  readonly #name: string;
  readonly #only: string | undefined;

  private constructor(folder: string, name: string, only: string | undefined) {
    this.#folder = folder;
    this.#name = name;
    this.#only = only;
  }

  /** @throws AppError NOT_FOUND */
  static async open(path: string): Promise<FolderSource> {
    const info = await stat(path).catch((cause: unknown) => {
      throw new AppError('NOT_FOUND', `There is no model "${path}": no folder, no file.`, {
        fix: 'A model is `demo`, a folder of a model or an adapter, a .gguf file, hf:owner/name, or http(s)://host/v1#model.',
        cause,
      });
    });
    const whole = resolve(path);
    return info.isDirectory()
      ? new FolderSource(whole, basename(whole), undefined)
      : new FolderSource(dirname(whole), basename(whole), basename(whole));
  }

  origin(): ModelOrigin {
    return { name: this.#name };
  }

  async list(): Promise<FileEntry[]> {
    const names = this.#only === undefined ? await readdir(this.#folder, { recursive: true }) : [this.#only];
    const files: FileEntry[] = [];
    for (const name of names) {
      const path = join(this.#folder, name);
      const info = await stat(path);
      if (info.isFile())
        files.push({ path: relative(this.#folder, path).split(sep).join('/'), bytes: info.size });
    }
    return files;
  }

  open(path: string): Promise<ByteSource> {
    return openFileSource(join(this.#folder, path), path);
  }
}
