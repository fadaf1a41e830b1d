import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { throwIfAborted } from '../src/protocol/errors';
import type { FileEntry, FileSink } from '../src/protocol/model-import';
import { orNothing, writeWhole } from './durable-file';

const FULL = 'Free some space and run the same command again; what is complete is kept.';

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
    const bytes = await readFile(join(this.folder, path)).catch(orNothing);
    return bytes && Uint8Array.from(bytes);
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    await writeWhole(join(this.folder, path), bytes, FULL);
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.folder, path), { force: true });
  }

  /** The manifest is there: nothing else makes a folder a model. */
  commit(): Promise<void> {
    return Promise.resolve();
  }
}
