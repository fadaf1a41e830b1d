/** Headers of tar archives, as POSIX 1003.1-1988 (ustar) has them: every system can open these without further software. */
import { AppError } from '../../protocol/errors';

const BLOCK = 512;
/** Eleven octal digits. */
const LARGEST_OCTAL = 8 ** 11 - 1;

const padding = (bytes: number): number => (BLOCK - (bytes % BLOCK)) % BLOCK;

const ascii = new TextEncoder();

/** `folder` and `path` together name the file. @throws AppError UNSUPPORTED where a name is too long for the format */
export function tarHeader(
  folder: string,
  path: string,
  bytes: number,
  seconds: number,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(BLOCK);
  const put = (at: number, length: number, text: string): void => {
    const encoded = ascii.encode(text);
    if (encoded.length > length) {
      throw new AppError('UNSUPPORTED', `The name ${text.slice(0, 60)}… is too long for an archive.`, {
        fix: 'Give the model a shorter name.',
      });
    }
    header.set(encoded, at);
  };
  const octal = (at: number, length: number, value: number): void =>
    put(at, length, `${value.toString(8).padStart(length - 1, '0')}\0`);
  put(0, 100, path);
  octal(100, 8, 0o644);
  octal(108, 8, 0);
  octal(116, 8, 0);
  if (bytes <= LARGEST_OCTAL) octal(124, 12, bytes);
  else {
    // GNU's way for more than 8 GiB, which all readers know: binary, marked by the highest bit.
    header[124] = 0x80;
    new DataView(header.buffer).setBigUint64(128, BigInt(bytes));
  }
  octal(136, 12, Math.floor(seconds));
  header.fill(0x20, 148, 156);
  put(156, 1, '0');
  put(257, 8, 'ustar\u000000');
  put(345, 155, folder);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, 8, `${sum.toString(8).padStart(6, '0')}\0 `);
  return header;
}

export interface TarEntry {
  path: string;
  bytes: number;
  /** The content, one piece after the other. */
  pieces: readonly Blob[];
}

/** An archive of what lies on the disk: nothing but its headers is in memory. */
export function tarArchive(folder: string, entries: readonly TarEntry[], seconds: number): Blob {
  const parts = entries.flatMap(({ path, bytes, pieces }) => [
    tarHeader(folder, path, bytes, seconds),
    ...pieces,
    new Uint8Array(padding(bytes)),
  ]);
  return new Blob([...parts, new Uint8Array(2 * BLOCK)], { type: 'application/x-tar' });
}

/** The same, made now. */
export const tarOf = (folder: string, entries: readonly TarEntry[]): Blob =>
  tarArchive(folder, entries, Date.now() / 1000);
