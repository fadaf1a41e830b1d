/** Parts of stored files. */
import { throwIfAborted } from '../../protocol/errors';
import type { RangedFileStore } from './file-store';

/** Large enough for the disk; small, since several of them may wait for the garbage collector. */
const PIECE_BYTES = 1 << 18;

/** All of a file, in order. */
export async function* piecesOf(blob: Blob, signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    throwIfAborted(signal);
    yield new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer());
  }
}

/** Files that are kept open: finding one takes longer than reading a few rows of it. */
const MOST_OPEN = 8;

/** Reads parts of files that do not change while they are there; one that was removed is looked for again. */
export function openFiles(files: Pick<RangedFileStore, 'open'>) {
  const opened = new Map<string, Promise<Blob | null>>();
  const blobAt = (path: string): Promise<Blob | null> => {
    const known = opened.get(path);
    if (known) return known;
    const opening = files.open(path);
    opened.set(path, opening);
    const forget = (): void => {
      if (opened.get(path) === opening) opened.delete(path);
    };
    opening.then((blob) => blob ?? forget(), forget);
    for (const oldest of opened.keys()) {
      if (opened.size <= MOST_OPEN) break;
      opened.delete(oldest);
    }
    return opening;
  };
  return {
    /** Fewer bytes where the file ends before, `null` where there is none. */
    async read(path: string, start: number, bytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
      for (const last of [false, true]) {
        try {
          const blob = await blobAt(path);
          return blob && new Uint8Array(await blob.slice(start, start + bytes).arrayBuffer());
        } catch (error) {
          // Replaced or removed since it was opened.
          opened.delete(path);
          if (last) throw error;
        }
      }
      return null;
    },
  };
}
