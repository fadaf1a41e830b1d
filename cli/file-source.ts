import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSource } from '../src/lm/byte-source';
import { AppError, throwIfAborted } from '../src/protocol/errors';

/** A file read in ranges; to be closed once the model is loaded. */
export async function openFileSource(path: string): Promise<{ source: ByteSource; file: FileHandle }> {
  const file = await open(path).catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `${path} cannot be read.`, {
      fix: 'Check that the model is complete.',
      cause,
    });
  });
  const { size } = await file.stat();
  const name = basename(path);
  const read: ByteSource['read'] = async (offset, length, signal) => {
    throwIfAborted(signal);
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    if (bytesRead !== length) {
      throw new AppError('INTEGRITY', `${name} ends before byte ${offset + length}.`, {
        fix: 'The file is incomplete: fetch it again.',
      });
    }
    return bytes;
  };
  return { source: { name, size, read }, file };
}
