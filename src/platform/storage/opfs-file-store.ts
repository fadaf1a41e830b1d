import { throwIfAborted } from '../../protocol/errors';
import type { FileEntry } from '../../protocol/model-import';
import type { FileSink } from '../../protocol/staged-corpus';
import { describeWriteError, isNotFound, type RangedFileStore, type StreamedFileStore } from './file-store';
import { chunksOf, emptyInWorker, inWorker, sinkInWorker, writeInWorker } from './opfs-sync-access';

/** Missing on pages that came over plain HTTP, and in some private windows. */
export function hasOpfs(): boolean {
  const { storage } = navigator as Partial<Navigator>;
  return storage !== undefined && 'getDirectory' in storage;
}

/** The origin's private file system, or a folder of it. */
export class OpfsFileStore implements RangedFileStore, StreamedFileStore {
  readonly #root: () => Promise<FileSystemDirectoryHandle>;

  /** Default: the origin's root, asked for anew each time, since a handle does not outlive "clear site data". */
  constructor(root: () => Promise<FileSystemDirectoryHandle> = () => navigator.storage.getDirectory()) {
    this.#root = root;
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { folder, name } = split(path);
    try {
      const directory = await this.#folder(folder, true);
      const file = await directory.getFileHandle(name, { create: true });
      if (inWorker(file)) await writeInWorker(file, bytes, signal);
      else await writeAnywhere(file, bytes, signal);
    } catch (error) {
      throw describeWriteError(error, bytes.byteLength);
    }
  }

  async sink(path: string, keep = 0): Promise<FileSink> {
    const { folder, name } = split(path);
    const directory = await this.#folder(folder, true);
    const file = await directory.getFileHandle(name, { create: true });
    return inWorker(file) ? sinkInWorker(file, keep) : sinkAnywhere(file, keep);
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      const file = await this.open(path);
      return file && new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async open(path: string): Promise<File | null> {
    const { folder, name } = split(path);
    try {
      const directory = await this.#folder(folder, false);
      return await (await directory.getFileHandle(name)).getFile();
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async walk(folder: string): Promise<FileEntry[]> {
    try {
      return await walkFrom(await this.#folder(folder.split('/'), false), '');
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async list(folder: string): Promise<string[]> {
    try {
      const directory = await this.#folder(folder.split('/'), false);
      const names: string[] = [];
      for await (const name of directory.keys()) names.push(name);
      return names;
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async remove(path: string): Promise<void> {
    const { folder, name } = split(path);
    try {
      const directory = await this.#folder(folder, false);
      await emptyInWorker(directory, name);
      await directory.removeEntry(name, { recursive: true });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #folder(parts: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let directory = await this.#root();
    for (const part of parts) directory = await directory.getDirectoryHandle(part, { create });
    return directory;
  }
}

async function walkFrom(directory: FileSystemDirectoryHandle, prefix: string): Promise<FileEntry[]> {
  const found: FileEntry[] = [];
  for await (const [name, handle] of directory.entries()) {
    const path = `${prefix}${name}`;
    if (handle instanceof FileSystemFileHandle) found.push({ path, bytes: (await handle.getFile()).size });
    else if (handle instanceof FileSystemDirectoryHandle) found.push(...(await walkFrom(handle, `${path}/`)));
  }
  return found;
}

function split(path: string): { folder: string[]; name: string } {
  const parts = path.split('/');
  return { folder: parts.slice(0, -1), name: parts.at(-1) ?? '' };
}

async function writeAnywhere(
  file: FileSystemFileHandle,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stream = await file.createWritable();
  try {
    for (const [, chunk] of chunksOf(bytes)) {
      throwIfAborted(signal);
      await stream.write(chunk);
    }
  } catch (error) {
    await stream.abort();
    throw error;
  }
  await stream.close();
}

/** What is written appears when it is closed. */
async function sinkAnywhere(file: FileSystemFileHandle, keep: number): Promise<FileSink> {
  const stream = await file.createWritable({ keepExistingData: keep > 0 });
  if (keep > 0) {
    await stream.truncate(keep);
    await stream.seek(keep);
  }
  const attempt = async (work: Promise<void>, bytes: number): Promise<void> => {
    try {
      await work;
    } catch (error) {
      throw describeWriteError(error, bytes);
    }
  };
  return {
    write: (bytes) => attempt(stream.write(bytes), bytes.byteLength),
    truncate: (length) => attempt(stream.truncate(length), 0),
    close: () => attempt(stream.close(), 0),
  };
}
