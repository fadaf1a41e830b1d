import { createHash } from 'node:crypto';
import { AppError } from '../../src/protocol/errors';
import type { FileEntry, FileSink } from '../../src/protocol/model-import';

/** A sink in memory that remembers what was asked of it. */
export class MemorySink implements FileSink {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly writes: string[] = [];
  largestWrite = 0;
  committed = 0;
  readonly #room: number;

  /** @param room bytes that fit in */
  constructor(room = Infinity) {
    this.#room = room;
  }

  list(): Promise<FileEntry[]> {
    return Promise.resolve([...this.files].map(([path, { length }]) => ({ path, bytes: length })));
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return Promise.resolve(this.files.get(path)?.slice() ?? null);
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await Promise.resolve();
    const others = [...this.files].reduce((sum, [name, { length }]) => sum + (name === path ? 0 : length), 0);
    if (others + bytes.length > this.#room) {
      throw new AppError('STORAGE_FULL', 'There is no more room.', { fix: 'Make some.' });
    }
    this.writes.push(path);
    this.largestWrite = Math.max(this.largestWrite, bytes.length);
    this.files.set(path, bytes.slice());
  }

  remove(path: string): Promise<void> {
    this.files.delete(path);
    return Promise.resolve();
  }

  commit(): Promise<void> {
    this.committed += 1;
    return Promise.resolve();
  }

  /** SHA-256 by path: what two sinks are compared by. */
  digests(): Record<string, string> {
    const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    return Object.fromEntries([...this.files].map(([path, bytes]) => [path, hash(bytes)]));
  }

  blobs(): Map<string, Blob> {
    return new Map([...this.files].map(([path, bytes]) => [path, new Blob([bytes])]));
  }
}
