import { createReadStream } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError } from '../../protocol/errors';
import type { DocumentFile } from '../../protocol/corpus';

async function write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  try {
    await file.writeFile(bytes);
    // A rename that survives a power cut must not survive it alone.
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The disk, as index folders need it. */
export const nodeFolderSystem = {
  join: (...parts: string[]): string => join(...parts),
  exists: (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    ),
  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await readFile(path));
  },
  write,
  rename: (from: string, to: string): Promise<void> => rename(from, to),
  remove: (path: string): Promise<void> => rm(path, { recursive: true, force: true }),
};

/** A file of the disk as a document; it is streamed, not read at once. */
export async function nodeDocumentFile(path: string, name: string = basename(path)): Promise<DocumentFile> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `There is no file ${path}.`, { fix: 'Check the path.', cause });
  });
  if (!info.isFile())
    throw new AppError('BAD_INPUT', `${path} is no file.`, { fix: 'Give the path of a file.' });
  return {
    name,
    size: info.size,
    stream: () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array<ArrayBuffer>>,
  };
}
