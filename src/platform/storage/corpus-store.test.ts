import 'fake-indexeddb/auto';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CorpusFile, CorpusStore, NewCorpus } from '../../protocol/corpus';
import { lazyDatabase } from './browser-storage';
import { createCorpusStore, type CorpusStoreParts } from './corpus-store';
import { MemoryFileStore } from './file-store';
import { createLocalLocks } from './locks';

let databases = 0;
let name: string;
let files: MemoryFileStore;
let ids: number;

const corpus: NewCorpus = { name: 'Rivers', passages: 2, encoder: null, sources: [] };
const bytes = (length: number, fill = 7): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);
const given: CorpusFile[] = [
  { name: 'passages.jsonl', bytes: bytes(100) },
  { name: 'bm25.bin', bytes: bytes(50, 9) },
];

/** A store as a freshly opened page sees it: same database and files, nothing in memory. */
function reopen(parts: Partial<CorpusStoreParts> = {}): CorpusStore {
  return createCorpusStore({
    database: lazyDatabase(name),
    files,
    locks: createLocalLocks(),
    quota: {
      estimate: () => Promise.resolve({ usedBytes: files.usedBytes, quotaBytes: 1e9, persisted: false }),
      persist: () => Promise.resolve(true),
    },
    now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, ids)).toISOString(),
    newId: () => `id-${++ids}`,
    sha256: (data) => Promise.resolve(createHash('sha256').update(data).digest('hex')),
    ...parts,
  });
}

beforeEach(() => {
  name = `corpora-${++databases}`;
  files = new MemoryFileStore();
  ids = 0;
});

describe('stored corpora', () => {
  it('are there after a reload, byte by byte', async () => {
    const record = await reopen().create(corpus, given);
    const store = reopen();
    expect(await store.list()).toEqual([record]);
    expect(record).toMatchObject({ name: 'Rivers', bytes: 150, passages: 2 });
    expect(await store.read(record.id, 'bm25.bin')).toEqual(bytes(50, 9));
  });

  it('are read in pieces, and in parts, and refused where they are not what was stored', async () => {
    const large = bytes(2_500_000).map((_, i) => i % 251);
    const record = await reopen().create(corpus, [...given, { name: 'vectors.bin', bytes: large }]);
    const store = reopen();
    const pieces: Uint8Array[] = [];
    const opened = await store.open(record.id, 'vectors.bin');
    expect(opened.bytes).toBe(large.length);
    for await (const piece of opened.pieces()) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).equals(large)).toBe(true);
    expect(await store.readRange(record.id, 'vectors.bin', 1_000_000, 3)).toEqual(
      large.slice(1_000_000, 1_000_003),
    );
    const refused = { code: 'INTEGRITY' };
    await expect(store.readRange(record.id, 'vectors.bin', 2_499_999, 2)).rejects.toMatchObject(refused);
    await expect(store.readRange(record.id, 'other.bin', 0, 1)).rejects.toMatchObject(refused);
    await expect(store.readRange('none', 'vectors.bin', 0, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    large[2_000_000] = 255;
    await files.write(`corpora/${record.id}/vectors.bin`, large);
    const drain = async (): Promise<void> => {
      const again = await store.open(record.id, 'vectors.bin');
      for await (const piece of again.pieces()) expect(piece.length).toBeGreaterThan(0);
    };
    await expect(drain()).rejects.toMatchObject(refused);
    await store.remove(record.id);
    await expect(drain()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are listed oldest first, renamed and deleted', async () => {
    const store = reopen();
    const first = await store.create(corpus, given);
    const second = await store.create({ ...corpus, name: 'Towns' }, given);
    await store.rename(first.id, '  Streams ');
    expect((await store.list()).map((record) => record.name)).toEqual(['Streams', 'Towns']);
    await expect(store.rename(first.id, ' ')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await store.remove(first.id);
    await store.remove(first.id);
    expect(await store.list()).toEqual([second]);
    expect([...files.files.keys()].every((path) => path.includes(second.id))).toBe(true);
    await expect(store.read(first.id, 'bm25.bin')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.rename(first.id, 'x')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('leave nothing behind when the disk is full', async () => {
    files = new MemoryFileStore(120);
    await expect(reopen().create(corpus, given)).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      recoverable: true,
    });
    expect(files.files.size).toBe(0);
    expect(await reopen().list()).toEqual([]);
  });

  it('are not even begun when the estimate leaves no room', async () => {
    const store = reopen({
      quota: {
        estimate: () => Promise.resolve({ usedBytes: 900, quotaBytes: 1000, persisted: false }),
        persist: () => Promise.resolve(false),
      },
    });
    await expect(store.create(corpus, given)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(files.files.size).toBe(0);
  });

  it('leave nothing behind when the import is stopped', async () => {
    await expect(reopen().create(corpus, given, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(files.files.size).toBe(0);
  });

  it('report files that the browser removed or that were altered', async () => {
    const store = reopen();
    const { id } = await store.create(corpus, given);
    files.files.set(`corpora/${id}/bm25.bin`, bytes(50, 8));
    await expect(store.read(id, 'bm25.bin')).rejects.toMatchObject({ code: 'INTEGRITY' });
    files.files.delete(`corpora/${id}/passages.jsonl`);
    await expect(store.read(id, 'passages.jsonl')).rejects.toMatchObject({ code: 'INTEGRITY' });
    await expect(store.read(id, 'toString')).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('are swept of what a crash left, but not of what another tab is writing', async () => {
    const locks = createLocalLocks();
    const store = reopen({ locks });
    const kept = await store.create(corpus, given);
    await files.write('corpora/crashed/passages.jsonl', bytes(10));
    await files.write('corpora/busy/passages.jsonl', bytes(10));
    let finish = (): void => undefined;
    const busy = locks.hold('s3:corpus:busy', () => new Promise<void>((resolve) => (finish = resolve)));
    expect(await store.sweep()).toBe(1);
    expect(await files.list('corpora')).toEqual([kept.id, 'busy']);
    finish();
    await busy;
    expect(await store.sweep()).toBe(1);
    expect(await store.list()).toEqual([kept]);
  });

  it('are whole or absent wherever a crash strikes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(6), async (crashAt) => {
        let steps = 0;
        // From the crash on nothing happens any more: neither the rest of the work nor the cleaning up.
        const step = async <T>(work: () => Promise<T>): Promise<T> => {
          if (steps++ >= crashAt) throw new Error('crash');
          return work();
        };
        const database = lazyDatabase(name);
        const dying = reopen({
          database: () => step(database),
          files: {
            write: (path, data) => step(() => files.write(path, data)),
            sink: (path) => files.sink(path),
            read: (path) => files.read(path),
            open: (path) => files.open(path),
            list: (folder) => files.list(folder),
            remove: (path) => step(() => files.remove(path)),
          },
        });
        await dying.create(corpus, given).catch(() => undefined);
        const store = reopen();
        await store.sweep();
        for (const record of await store.list()) {
          for (const file of given) expect(await store.read(record.id, file.name)).toEqual(file.bytes);
          await store.remove(record.id);
        }
        expect(files.files.size).toBe(0);
      }),
      { numRuns: 30 },
    );
  });
});
