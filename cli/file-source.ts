import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSource } from '../src/lm/byte-source';
import { AppError, throwIfAborted } from '../src/protocol/errors';

/** A file read in ranges. It is open from the first read on; `close` ends that, and a later read opens it again. */
export async function openFileSource(
  path: string,
  name = basename(path),
): Promise<ByteSource & { close(): Promise<void> }> {
  const unreadable = (cause: unknown): never => {
    throw new AppError('NOT_FOUND', `${path} cannot be read.`, {
      fix: 'Check that the model is complete.',
      cause,
    });
  };
  const { size, mtimeMs } = await stat(path).catch(unreadable);
  let file: Promise<FileHandle> | undefined;
  const read: ByteSource['read'] = async (offset, length, signal) => {
    throwIfAborted(signal);
    file ??= open(path);
    const handle = await file.catch(unreadable);
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead !== length) {
      throw new AppError('INTEGRITY', `${name} ends before byte ${offset + length}.`, {
        fix: 'The file is incomplete: fetch it again.',
      });
    }
    return bytes;
  };
  const close = async (): Promise<void> => {
    const opened = file;
    file = undefined;
    await (await opened?.catch(() => undefined))?.close();
  };
  return { name, size, version: String(mtimeMs), read, close };
}
