/** The files inside a tar of ours, without copying them: each is a slice of the archive. */
import type { ImportFile } from '../protocol/corpus';
import { AppError } from '../protocol/errors';

const BLOCK = 512;
const text = new TextDecoder();
const wordAt = (header: Uint8Array, at: number, length: number): string =>
  text.decode(header.subarray(at, at + length)).replace(/\0[\s\S]*$/, '');

/**
 * Regular files of a ustar archive (POSIX.1-1988, with the prefix field), without the folder that they share.
 * @throws AppError INTEGRITY where it is cut
 */
export async function filesOfTar(archive: Blob): Promise<ImportFile[]> {
  const files: ImportFile[] = [];
  // It ends with a block of zeros.
  for (let at = 0; ;) {
    const header = new Uint8Array(await archive.slice(at, at + BLOCK).arrayBuffer());
    if (header.length === BLOCK && header[0] === 0) return files;
    const size = Number.parseInt(wordAt(header, 124, 12).trim(), 8);
    const start = at + BLOCK;
    if (!Number.isSafeInteger(size) || start + size > archive.size) {
      throw new AppError('INTEGRITY', 'The exported archive is cut.', { fix: 'Export it again.' });
    }
    const prefix = wordAt(header, 345, 155);
    const name = wordAt(header, 0, 100);
    const kind = String.fromCharCode(header[156] ?? 0);
    if (kind === '0' || kind === '\0') {
      const path = (prefix ? `${prefix}/${name}` : name).split('/').slice(1).join('/') || name;
      files.push({ path, file: archive.slice(start, start + size) });
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}
