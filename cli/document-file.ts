import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type { DocumentFile } from '../src/protocol/corpus';
import { AppError } from '../src/protocol/errors';

/** Exactly these bytes. It is open for no longer than that: nobody says when the last part of a file has been read. */
async function readPart(path: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(path);
  try {
    const part = new Uint8Array(end - start);
    let done = 0;
    while (done < part.length) {
      const { bytesRead } = await handle.read(part, done, part.length - done, start + done);
      if (bytesRead === 0) throw new Error(`${path} ends before byte ${end}`);
      done += bytesRead;
    }
    return part;
  } finally {
    await handle.close();
  }
}

/** A file on disk in the form in which the importer takes files. */
function documentFile(path: string, name: string, size: number): DocumentFile {
  return {
    name,
    size,
    // Node declares the same class a second time.
    stream: () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array<ArrayBuffer>>,
    range: (start, end) => readPart(path, start, end),
  };
}

/** The file, or all files below the folder in the order of their paths; hidden ones are left out. */
export async function documentFiles(path: string): Promise<DocumentFile[]> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) {
    throw new AppError('NOT_FOUND', `There is no file or folder ${path}.`, { fix: 'Check the path.' });
  }
  if (!info.isDirectory()) return [documentFile(path, basename(path), info.size)];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (file) =>
        !relative(path, file)
          .split(/[\\/]/)
          .some((part) => part.startsWith('.')),
    )
    .sort();
  return Promise.all(
    paths.map(async (file) => {
      const { size } = await stat(file);
      return documentFile(file, relative(path, file).split('\\').join('/'), size);
    }),
  );
}
