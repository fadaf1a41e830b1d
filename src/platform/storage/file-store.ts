/** Large bytes by path, in folders: OPFS in the browser, memory in tests. */
import { AppError } from '../../protocol/errors';
import type { FileEntry } from '../../protocol/model-import';
import type { FileSink } from '../../protocol/staged-corpus';

export interface FileStore {
  /** Creates the folders above. A file that is there already is replaced. Rejects with `STORAGE_FULL`. */
  write(path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void>;
  /** `null` where there is no such file. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** A file, or a folder with what is in it; nothing there is no error. */
  remove(path: string): Promise<void>;
}

/** A store whose files can also be written piece by piece. */
export interface StreamedFileStore extends FileStore {
  /** Creates the folders above; of what was there so many bytes are kept, by default none. */
  sink(path: string, keep?: number): Promise<FileSink>;
}

/** A store whose files can also be read in ranges, and counted with their folders. */
export interface RangedFileStore extends FileStore {
  /** `null` where there is no such file. Reading it fails once the file is removed or replaced. */
  open(path: string): Promise<Blob | null>;
  /** Every file below a folder, paths relative to it. */
  walk(folder: string): Promise<FileEntry[]>;
}

const FULL = new Set(['QuotaExceededError', 'NS_ERROR_FILE_NO_DEVICE_SPACE', 'NS_ERROR_DOM_QUOTA_REACHED']);

export const nameOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : '';

export const isNotFound = (error: unknown): boolean => nameOf(error) === 'NotFoundError';

/** The browser's refusal of more room, under any of its names, as `STORAGE_FULL`; other errors as they are. */
export function describeWriteError(error: unknown, neededBytes: number): unknown {
  if (error instanceof AppError || !FULL.has(nameOf(error))) return error;
  return new AppError('STORAGE_FULL', 'The browser gives no more room for this.', {
    fix: 'Delete a model or a corpus that you no longer need, or free space on the disk, and try again.',
    recoverable: true,
    cause: error,
    context: { neededBytes },
  });
}

export class MemoryFileStore implements RangedFileStore, StreamedFileStore {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #quotaBytes: number;

  constructor(quotaBytes = Infinity) {
    this.#quotaBytes = quotaBytes;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const bytes of this.files.values()) sum += bytes.byteLength;
    return sum;
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await Promise.resolve();
    const before = this.files.get(path)?.byteLength ?? 0;
    if (this.usedBytes - before + bytes.byteLength > this.#quotaBytes) {
      // As a real disk does, keep what fitted.
      this.files.set(path, bytes.slice(0, 1));
      throw describeWriteError(new DOMException('full', 'QuotaExceededError'), bytes.byteLength);
    }
    this.files.set(path, bytes.slice());
  }

  async sink(path: string, keep = 0): Promise<FileSink> {
    await this.write(path, this.files.get(path)?.slice(0, keep) ?? new Uint8Array());
    const now = (): Uint8Array<ArrayBuffer> => this.files.get(path) ?? new Uint8Array();
    return {
      write: async (bytes) => this.write(path, joined(now(), bytes)),
      truncate: async (length) => this.write(path, now().slice(0, length)),
      close: () => Promise.resolve(),
    };
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return Promise.resolve(this.files.get(path)?.slice() ?? null);
  }

  open(path: string): Promise<Blob | null> {
    const bytes = this.files.get(path);
    return Promise.resolve(bytes ? new Blob([bytes]) : null);
  }

  walk(folder: string): Promise<FileEntry[]> {
    const below = [...this.files].filter(([path]) => path.startsWith(`${folder}/`));
    return Promise.resolve(
      below.map(([path, bytes]) => ({ path: path.slice(folder.length + 1), bytes: bytes.byteLength })),
    );
  }

  list(folder: string): Promise<string[]> {
    const names = [...this.files.keys()]
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1).split('/')[0] ?? '');
    return Promise.resolve([...new Set(names)]);
  }

  remove(path: string): Promise<void> {
    for (const name of [...this.files.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
    }
    return Promise.resolve();
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.byteLength + second.byteLength);
  whole.set(first);
  whole.set(second, first.byteLength);
  return whole;
}
