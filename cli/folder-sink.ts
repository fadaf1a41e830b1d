import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { AppError, throwIfAborted } from '../src/protocol/errors';
import type { FileEntry, FileSink } from '../src/protocol/model-import';

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** A folder as the place of an import. A file appears under its name when all of it is on the disk. */
export class FolderSink implements FileSink {
  constructor(readonly folder: string) {}

  async list(): Promise<FileEntry[]> {
    const names = await readdir(this.folder, { recursive: true }).catch(() => []);
    const files: FileEntry[] = [];
    for (const name of names) {
      const path = join(this.folder, name);
      const info = await stat(path);
      if (info.isFile())
        files.push({ path: relative(this.folder, path).split(sep).join('/'), bytes: info.size });
    }
    return files;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      return Uint8Array.from(await readFile(join(this.folder, path)));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw describe(path, error);
    }
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const target = join(this.folder, path);
    const part = `${target}.part`;
    try {
      await mkdir(dirname(target), { recursive: true });
      const file = await open(part, 'w');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, target);
    } catch (error) {
      await rm(part, { force: true });
      throw describe(path, error);
    }
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.folder, path), { force: true });
  }

  /** The manifest is there: nothing else makes a folder a model. */
  commit(): Promise<void> {
    return Promise.resolve();
  }
}

function describe(path: string, error: unknown): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('STORAGE_FULL', `${path} cannot be written: the disk is full.`, {
        fix: 'Free some space and run the same command again; what is complete is kept.',
        recoverable: true,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError('PERMISSION', `${path} cannot be written.`, {
        fix: 'Choose a folder that you may write to.',
        cause: error,
      });
    default:
      return error;
  }
}
