/** Where exported models go: a folder that the user has chosen, or an archive made of files in the origin's private file system. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { ExportedFile, ExportTarget, ExportTargetRequest } from '../../protocol/model-export';
import type { StorageEstimate } from '../../protocol/corpus';
import { describeWriteError, isNotFound, type RangedFileStore } from './file-store';
import type { Locks } from './locks';
import { tarArchive, type TarEntry } from './model-tar';

export interface ModelExportParts {
  files: RangedFileStore;
  locks: Locks;
  estimate: () => Promise<StorageEstimate>;
  newId: () => string;
  /** Milliseconds since 1970. */
  now: () => number;
}

const FOLDER = 'exports';
/** Largest piece of an archive that lies in one file. */
const PIECE_BYTES = 16 * 2 ** 20;

const lockOf = (id: string): string => `s3:export:${id}`;

export type OpenExport = (request: ExportTargetRequest) => Promise<ExportTarget>;

/**
 * Archives are made in a folder of this session. It is held by a lock as long as the session lasts, since a download may take its time;
 * what earlier sessions left is removed when an export begins.
 */
export function createModelExports(parts: ModelExportParts): OpenExport {
  let session: Promise<string> | undefined;
  let count = 0;
  const begin = async (): Promise<string> => {
    await sweep(parts);
    const id = parts.newId();
    await new Promise<void>((held) => {
      // Never resolves: the browser gives the lock back when the worker ends.
      void parts.locks.hold(lockOf(id), () => {
        held();
        return new Promise<never>(() => undefined);
      });
    });
    return id;
  };
  return async (request) => {
    if (request.folder) return openFolder(request.folder, request.name);
    session ??= begin();
    const at = `${FOLDER}/${await session}/${++count}`;
    return openArchive(parts, at, request);
  };
}

async function sweep({ files, locks }: ModelExportParts): Promise<void> {
  for (const id of await files.list(FOLDER)) {
    await locks.tryHold(lockOf(id), () => files.remove(`${FOLDER}/${id}`));
  }
}

/** Unwritten parts are gathered, so that a model becomes a few hundred files and not thousands. */
async function* pieces(
  file: ExportedFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(Math.max(1, Math.min(PIECE_BYTES, file.bytes)));
  let filled = 0;
  for await (const part of file.parts(signal)) {
    throwIfAborted(signal);
    for (let from = 0; from < part.length;) {
      const taken = part.subarray(from, from + buffer.length - filled);
      buffer.set(taken, filled);
      from += taken.length;
      filled += taken.length;
      if (filled < buffer.length) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.slice(0, filled);
}

async function openArchive(
  { files, estimate, now }: ModelExportParts,
  at: string,
  { name, bytes: total }: ExportTargetRequest,
): Promise<ExportTarget> {
  const { usedBytes, quotaBytes } = await estimate();
  const entries: TarEntry[] = [];
  let copied = 0;
  /** Told before the hours, not after them. */
  const requireRoom = (): void => {
    if (quotaBytes > 0 && quotaBytes - usedBytes < total)
      throw describeWriteError(new DOMException('No room.', 'QuotaExceededError'), total);
  };
  return {
    name,
    async write(file, onBytes, signal) {
      const kept: Blob[] = [];
      if (file.stored) {
        // Read all the same: that is what checks it.
        for await (const part of file.parts(signal)) onBytes(part.length);
        kept.push(file.stored);
      } else {
        requireRoom();
        for await (const piece of pieces(file, signal)) {
          const path = `${at}/${++copied}`;
          await files.write(path, piece, signal);
          const blob = await files.open(path);
          if (blob) kept.push(blob);
          onBytes(piece.length);
        }
      }
      requireLength(
        file,
        kept.reduce((sum, { size }) => sum + size, 0),
      );
      entries.push({ path: file.path, bytes: file.bytes, pieces: kept });
    },
    finish: () => Promise.resolve(tarArchive(name, entries, now() / 1000)),
    discard: () => files.remove(at),
  };
}

/** The first of `name`, `name-2`, … that is not there yet: nothing of the user's is overwritten. */
async function newFolder(
  parent: FileSystemDirectoryHandle,
  name: string,
): Promise<{ name: string; folder: FileSystemDirectoryHandle }> {
  for (let n = 1; ; n += 1) {
    const wanted = n === 1 ? name : `${name}-${n}`;
    try {
      await parent.getDirectoryHandle(wanted);
    } catch (error) {
      if (isNotFound(error))
        return { name: wanted, folder: await parent.getDirectoryHandle(wanted, { create: true }) };
      // A file of that name.
      if (!(error instanceof DOMException && error.name === 'TypeMismatchError'))
        throw describeFolderError(error);
    }
  }
}

async function openFolder(parent: FileSystemDirectoryHandle, wanted: string): Promise<ExportTarget> {
  const { name, folder } = await newFolder(parent, wanted);
  return {
    name,
    async write(file, onBytes, signal) {
      const names = file.path.split('/');
      let directory = folder;
      for (const part of names.slice(0, -1))
        directory = await directory.getDirectoryHandle(part, { create: true });
      const handle = await directory.getFileHandle(names.at(-1) ?? '', { create: true });
      // The browser writes beside the file, and moves it there when it is closed.
      const stream = await handle.createWritable();
      let written = 0;
      try {
        for await (const part of file.parts(signal)) {
          throwIfAborted(signal);
          await stream.write(part);
          written += part.length;
          onBytes(part.length);
        }
        requireLength(file, written);
        await stream.close();
      } catch (error) {
        await stream.abort().catch(() => undefined);
        throw describeFolderError(describeWriteError(error, file.bytes));
      }
    },
    finish: () => Promise.resolve(undefined),
    discard: () => parent.removeEntry(name, { recursive: true }),
  };
}

function requireLength({ path, bytes }: ExportedFile, written: number): void {
  if (written === bytes) return;
  throw new AppError('INTERNAL', `${path} came out with ${written} bytes instead of ${bytes}.`, {
    fix: 'Export the model again.',
    recoverable: true,
  });
}

function describeFolderError(error: unknown): unknown {
  if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return error;
  return new AppError('PERMISSION', 'The browser does not let this page write into that folder.', {
    fix: 'Choose another folder, and allow changes when the browser asks.',
    recoverable: true,
    cause: error,
  });
}
