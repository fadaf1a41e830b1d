/** Files of the origin's private file system through the handles that dedicated workers alone have, which are much faster. */
import { throwIfAborted } from '../../protocol/errors';
import type { FileSink } from '../../protocol/staged-corpus';
import { describeWriteError, isNotFound } from './file-store';

/** Of the File System standard; TypeScript lists it for workers alone. */
interface SyncAccessHandle {
  truncate(size: number): void;
  write(chunk: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type FileInWorker = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

export const inWorker = (file: FileSystemFileHandle): file is FileInWorker =>
  'createSyncAccessHandle' in file;

/** Written between two looks at the signal. */
const CHUNK_BYTES = 4 * 2 ** 20;

export function* chunksOf(
  bytes: Uint8Array<ArrayBuffer>,
): Generator<[at: number, chunk: Uint8Array<ArrayBuffer>]> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) yield [at, bytes.subarray(at, at + CHUNK_BYTES)];
}

export async function writeInWorker(
  file: FileInWorker,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const handle = await file.createSyncAccessHandle();
  try {
    handle.truncate(0);
    for (const [at, chunk] of chunksOf(bytes)) {
      throwIfAborted(signal);
      const written = handle.write(chunk, { at });
      // Some engines report a full disk by writing less.
      if (written < chunk.byteLength) throw new DOMException('The disk is full.', 'QuotaExceededError');
    }
    handle.flush();
  } finally {
    handle.close();
  }
}

/**
 * Takes the bytes out of a file, or of each file of a folder, that is about to be removed.
 *
 * Chromium keeps the sum of an origin's files on disk, but what grows through these handles is added to its sum in memory
 * alone, while a removal is taken from both. So after a restart the sum is below zero, is read as 4 GiB, and writes are
 * refused on a disk with room. A file that is removed empty takes nothing away. (Seen in Chromium 156.)
 */
export async function emptyInWorker(directory: FileSystemDirectoryHandle, name: string): Promise<void> {
  const entry = await entryOf(directory, name);
  if (entry instanceof FileSystemDirectoryHandle) {
    for await (const inner of entry.keys()) await emptyInWorker(entry, inner);
  } else if (entry && inWorker(entry)) {
    const handle = await entry.createSyncAccessHandle();
    try {
      handle.truncate(0);
      handle.flush();
    } finally {
      handle.close();
    }
  }
}

async function entryOf(
  directory: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemFileHandle | FileSystemDirectoryHandle | null> {
  try {
    return await directory.getFileHandle(name);
  } catch (error) {
    if (isNotFound(error)) return null;
    if (!(error instanceof DOMException) || error.name !== 'TypeMismatchError') throw error;
    return directory.getDirectoryHandle(name);
  }
}

/** Goes on after so many bytes of what is there. */
export async function sinkInWorker(file: FileInWorker, keep: number): Promise<FileSink> {
  const handle = await file.createSyncAccessHandle();
  handle.truncate(keep);
  let at = keep;
  // Not `async`: the calls are not, but what they throw is to arrive as a rejection.
  const attempt = (work: () => void, bytes: number): Promise<void> =>
    new Promise((resolve, reject) => {
      try {
        work();
        resolve();
      } catch (error) {
        reject(asError(describeWriteError(error, bytes)));
      }
    });
  return {
    write: (bytes) =>
      attempt(() => {
        const written = handle.write(bytes, { at });
        if (written < bytes.byteLength) throw new DOMException('The disk is full.', 'QuotaExceededError');
        at += written;
      }, bytes.byteLength),
    truncate: (length) =>
      attempt(() => {
        handle.truncate(length);
        at = length;
      }, 0),
    close: () =>
      attempt(() => {
        try {
          handle.flush();
        } finally {
          handle.close();
        }
      }, 0),
  };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
