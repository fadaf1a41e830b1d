import 'fake-indexeddb/auto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryDevice, quotaOf } from '../../../tests/retrieval/memory-device';
import { Asking } from '../../../tests/servers/asking';
import {
  bucketEncoder,
  madePassages,
  startPackServer,
  type PackServer,
} from '../../../tests/servers/pack-server';
import { lazyDatabase } from '../../platform/storage/browser-storage';
import { MemoryFileStore } from '../../platform/storage/file-store';
import { createLocalLocks } from '../../platform/storage/locks';
import type { Passage, Progress, RetrievalMode } from '../../protocol/retrieval';
import type { StagingStore } from '../../protocol/staged-corpus';
import { openCorpusFiles } from '../corpus-files';
import { decodeSigns, PlainIndex } from '../dense';
import type { CorpusPassages } from '../open-passages';
import { discardPack, fetchPack, stagedPacks, wantedBytes } from './fetch-pack';
import { openHttpPack, packFolder } from './http-pack';
import { openRangedPack } from './ranged-pack';

const asking = new Asking({ stallMs: 1_000 });
const { tools } = asking;
const encoder = () => Promise.resolve(bucketEncoder);

let served: PackServer;
let device: MemoryDevice;
let store: StagingStore;

beforeAll(async () => {
  served = await startPackServer();
});
afterAll(() => served.close());
beforeEach(() => {
  served.hub.heal();
  asking.forget();
  served.hub.requests.length = 0;
  arrange(new MemoryFileStore());
});

function arrange(on: MemoryFileStore, quotaBytes = 0): void {
  device = new MemoryDevice(on);
  store = device.reopen({ quota: quotaOf(quotaBytes) });
}

const NOW = '2026-11-21T12:00:00Z';
const open = (): ReturnType<typeof openHttpPack> => openHttpPack(served.url, tools);
const fetched = async (signal?: AbortSignal, onProgress?: (p: Progress) => void) =>
  fetchPack(await open(), { store, now: () => NOW, signal, onProgress });
const everyPassage = async (passages: CorpusPassages): Promise<Passage[]> => {
  const all: Passage[] = [];
  for await (const batch of passages.batches()) all.push(...batch);
  return all;
};
const gets = (part: string): number => asking.about(part).length;

describe('the address of a pack', () => {
  it('may be that of the folder or of its manifest', () => {
    for (const address of ['http://h/a', 'http://h/a/', 'http://h/a/corpus.json', ' http://h/a/?x=1#y ']) {
      expect(packFolder(address)).toBe('http://h/a/');
    }
    for (const address of ['ftp://h/a', 'file:///etc', 'nothing', 'http://user:word@h/a', 'javascript:1']) {
      expect(() => packFolder(address)).toThrow(/no address of an index/);
    }
  });
});

describe('a pack fetched whole', () => {
  it('is a corpus like any other, byte for byte', async () => {
    const seen: Progress[] = [];
    const record = await fetched(undefined, (progress) => seen.push(progress));
    expect(record).toMatchObject({
      ...{ name: 'Lamps', passages: 80, encoder: { model: 'made/buckets' } },
      chunking: { by: 'heading', words: 200 },
    });
    const corpus = await openCorpusFiles((file) => store.read(record.id, file));
    expect(await everyPassage(corpus.passages)).toEqual(madePassages(80));
    expect((await corpus.bm25()).count).toBe(80);
    expect((await corpus.vectors(bucketEncoder)).count).toBe(80);
    expect(seen.at(-1)).toMatchObject({ done: record.bytes, total: record.bytes });
    expect(seen.every(({ done }, i) => i === 0 || done >= (seen[i - 1]?.done ?? 0))).toBe(true);
    // Nothing is kept twice.
    expect(await stagedPacks(store)).toEqual([]);
    expect([...device.files.files.keys()].sort()).toEqual(
      Object.keys(record.files)
        .map((name) => `corpora/${record.id}/${name}`)
        .sort(),
    );
  });

  it('goes on after an abort at any chunk without fetching what is there', async () => {
    const chunks = served.manifest.files.flatMap(({ chunks }) => chunks);
    let rounds = 0;
    for (;;) {
      const stop = new AbortController();
      let news = 0;
      const before = (await stagedPacks(store))[0]?.doneBytes ?? 0;
      try {
        await fetched(stop.signal, ({ done }) => {
          if (done > before && ++news === 2) stop.abort();
        });
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'ABORTED' });
        expect(await store.list()).toEqual([]);
        expect(await stagedPacks(store)).toMatchObject([{ url: served.url, name: 'Lamps' }]);
        expect(await store.sweep()).toBe(0);
      }
      expect(++rounds).toBeLessThan(chunks.length);
    }
    expect(rounds).toBeGreaterThan(3);
    // A chunk that was under way may come again; those that had come do not.
    expect(asking.asked.length).toBeLessThan(chunks.length + 4 * (rounds + 1));
    expect(await store.list()).toHaveLength(1);
  });

  it('is checked again when it is gone on with: a chunk that was altered meanwhile is fetched anew', async () => {
    const stop = new AbortController();
    await expect(fetched(stop.signal, ({ done }) => done > 9_000 && stop.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
    const [path] = [...device.files.files.keys()].filter((name) => name.includes('jsonl'));
    const kept = device.files.files.get(path ?? '');
    if (!kept) throw new Error('Nothing was staged.');
    kept[3] = (kept[3] ?? 0) ^ 1;
    const record = await fetched();
    const corpus = await openCorpusFiles((file) => store.read(record.id, file));
    expect((await corpus.passages.fetch([0])).get(0)).toEqual(madePassages(1)[0]);
  });

  it('survives a cut, a busy server and a stall', async () => {
    served.hub.fail('passages.jsonl.00002', { kind: 'truncate' });
    served.hub.fail('bm25.bin.00001', { kind: 'status', status: 503 }, 2);
    served.hub.fail('vectors.bin.00002', { kind: 'stall' });
    expect(await fetched()).toMatchObject({ passages: 80 });
  });

  it('with a chunk that is not what the manifest says is refused, and no corpus appears', async () => {
    const path = join(served.folder, 'bm25.bin.00001');
    const sound = await readFile(path);
    const altered = Buffer.from(sound);
    altered[100] = (altered[100] ?? 0) ^ 1;
    await writeFile(path, altered);
    try {
      await expect(fetched()).rejects.toMatchObject({ code: 'INTEGRITY', message: /bm25\.bin\.00001.*hash/ });
    } finally {
      await writeFile(path, sound);
    }
    expect(await store.list()).toEqual([]);
  });

  it('with a server that lies about lengths is refused', async () => {
    served.hub.fail('passages.jsonl.00001', { kind: 'wrong length' }, 9);
    await expect(fetched()).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('without room is refused before anything comes; with a disk that fills up, what came is freed', async () => {
    arrange(new MemoryFileStore(), 10_000);
    await expect(fetched()).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(gets('passages.jsonl')).toBe(0);
    arrange(new MemoryFileStore(9_000));
    await expect(fetched()).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect([...device.files.files.keys()]).toEqual([]);
  });

  it('takes its own length on the disk, and of the memory a few chunks, however many it has', async () => {
    // What was handed out and not yet written, and what lies on the disk.
    const held = { now: 0, most: 0, chunks: 0, onDisk: 0 };
    const pack = await open();
    const counting = {
      ...pack,
      chunk: async (...given: Parameters<typeof pack.chunk>) => {
        const bytes = await pack.chunk(...given);
        held.now += bytes.length;
        held.most = Math.max(held.most, held.now);
        held.chunks += 1;
        return bytes;
      },
    };
    const sinking: Pick<StagingStore, 'stage' | 'estimate'> = {
      estimate: () => store.estimate(),
      stage: (work, options) =>
        store.stage(
          (corpus) =>
            work({
              ...corpus,
              sink: async (...given) => {
                const sink = await corpus.sink(...given);
                const write = async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
                  await sink.write(bytes);
                  held.now -= bytes.length;
                  held.onDisk = Math.max(held.onDisk, device.files.usedBytes);
                };
                return { ...sink, write };
              },
            }),
          options,
        ),
    };
    const record = await fetchPack(counting, { store: sinking, now: () => NOW });
    expect(record.bytes).toBeGreaterThan(9 * 2_000);
    expect(held.chunks).toBeGreaterThan(10);
    expect(held.most).toBeLessThanOrEqual(3 * 2_000);
    expect(held.now).toBe(0);
    // And a plan of what is to do.
    expect(held.onDisk).toBeLessThan(record.bytes + 1_000);
    expect((await store.read(record.id, 'passages.jsonl')).length).toBeGreaterThan(2_000);
  });

  it('goes on wherever the tab was closed, with all chunks that had been written', async () => {
    const pack = await open();
    const wanted = served.manifest.files.filter(({ name }) => name !== 'passages.hashes');
    const hashes = Object.fromEntries(wanted.map(({ name, sha256 }) => [name, sha256]));
    const all = wanted.flatMap(({ chunks }) => chunks).length;
    let [resumed, most] = [0, 0];
    for (let killAt = 0; ; killAt++) {
      arrange(new MemoryFileStore());
      const here = device.files;
      let [steps, written] = [0, 0];
      // What is being written at that moment is cut off in the middle; afterwards nothing happens any more.
      const step = async <T>(work: () => Promise<T>): Promise<T> => {
        if (steps++ >= killAt) throw new Error('killed');
        return work();
      };
      const own = lazyDatabase(device.name);
      const dying = device.reopen({
        locks: createLocalLocks(),
        database: () => step(own),
        files: {
          write: (path, bytes) => step(() => here.write(path, bytes)),
          sink: async (path, keep) => {
            const sink = await step(() => here.sink(path, keep));
            return {
              ...sink,
              write: async (bytes) => {
                if (steps === killAt) await sink.write(bytes.slice(0, bytes.length / 2));
                await step(() => sink.write(bytes));
                written += 1;
              },
            };
          },
          read: (path) => here.read(path),
          open: (path) => here.open(path),
          list: (folder) => here.list(folder),
          remove: (path) => step(() => here.remove(path)),
        },
      });
      const done = await fetchPack(pack, { store: dying, now: () => NOW }).catch(() => null);
      store = device.reopen();
      await store.sweep();
      if (done) break;
      asking.forget();
      if ((await store.list()).length === 0) {
        const [left] = await stagedPacks(store);
        expect(left === undefined).toBe(written === 0 && (await here.list('corpora')).length === 0);
        await fetched();
        // The manifest is read once more; of the chunks, none that had been written.
        expect(asking.asked.filter((url) => !url.endsWith('corpus.json'))).toHaveLength(all - written);
        resumed += 1;
        most = Math.max(most, written);
      }
      const [record, ...others] = await store.list();
      expect(others).toEqual([]);
      expect(record?.files).toEqual(hashes);
      for (const name of Object.keys(hashes)) await store.read(record?.id ?? '', name);
      expect(await here.list('corpora')).toHaveLength(1);
    }
    expect(most).toBe(all);
    expect(resumed).toBeGreaterThan(all);
  });

  it('can be discarded half here, by whoever has not waited for its end', async () => {
    const stop = new AbortController();
    const pack = await open();
    const fetching = expect(
      fetched(stop.signal, ({ done }) => done > 9_000 && stop.abort()),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    await vi.waitFor(() => expect(device.files.usedBytes).toBeGreaterThan(4_000));
    const discarding = discardPack(pack.hash, store);
    await Promise.all([fetching, discarding]);
    expect(await stagedPacks(store)).toEqual([]);
    expect(device.files.usedBytes).toBe(0);
    await discardPack(pack.hash, store);
  });

  it('of a compact index brings its signs along, and not the tables that serve hosts alone', async () => {
    const compact = await startPackServer({ index: 'compact' });
    try {
      const pack = await openHttpPack(compact.url, tools);
      const record = await fetchPack(pack, { store, now: () => NOW });
      expect(record.index).toBe('compact');
      expect(Object.keys(record.files).sort()).toEqual([
        'bm25.bin',
        'passages.idx',
        'passages.jsonl',
        'signs.bin',
        'vectors.bin',
      ]);
      const { signs } = await decodeSigns(await store.read(record.id, 'signs.bin'));
      expect(signs.count).toBe(80);
    } finally {
      await compact.close();
    }
  });

  it('need not wait for an import that is under way, and asks for its own length of room alone', async () => {
    let go: () => void = () => undefined;
    const bytes = wantedBytes(await open());
    arrange(new MemoryFileStore(), bytes + 3_000);
    const importing = store.stage(() => new Promise<void>((done) => (go = done)));
    expect(await fetched()).toMatchObject({ passages: 80, bytes });
    go();
    await importing;
  });

  it('by two tabs at once is fetched by one after the other, not into one another', async () => {
    const [a, b] = await Promise.all([fetched(), fetched()]);
    expect(a.id).not.toBe(b.id);
    for (const { id } of [a, b]) await store.read(id, 'passages.jsonl');
  });
});

describe('a pack read by range', () => {
  const search = async (mode: RetrievalMode, query: string) => {
    const pack = await openRangedPack(await open());
    const [hits = []] = await (await pack.open(mode, encoder)).search([query], 5);
    return hits.map(({ passage, score }) => [passage.id, score] as const);
  };

  it('finds what the same pack finds when it is here, in every mode', async () => {
    const record = await fetched();
    const corpus = await openCorpusFiles((file) => store.read(record.id, file));
    const bm25 = (await corpus.bm25()).search('heron river 17', 5);
    expect(await search('bm25', 'heron river 17')).toEqual(
      [...bm25.rows].map((row, i) => [`p${row}`, bm25.scores[i]]),
    );
    const [vector] = await bucketEncoder.embedQueries(['tower bell']);
    const vectors = new PlainIndex(await corpus.vectors(bucketEncoder));
    const [dense] = await vectors.search(vector ? [vector] : [], 5);
    expect(await search('dense', 'tower bell')).toEqual(
      [...(dense?.rows ?? [])].map((row, i) => [`p${row}`, dense?.scores[i]]),
    );
    expect(await search('hybrid', 'otter island')).toHaveLength(5);
  });

  it('fetches of the passages those that were found, once', async () => {
    const pack = await openRangedPack(await open());
    const retriever = await pack.open('bm25', encoder);
    const sent = (): number =>
      served.hub.requests.reduce((sum, { path, sent }) => sum + (path.includes('jsonl') ? sent : 0), 0);
    expect(sent()).toBe(0);
    const [hits] = await retriever.search(['lamp 42'], 1);
    expect(hits?.[0]?.passage).toEqual(madePassages(43)[42]);
    const first = sent();
    expect(first).toBeGreaterThan(0);
    // Of ten thousand bytes, the block that it lies in, and where it does not end there the next one.
    expect(first).toBeLessThanOrEqual(2 * 4096);
    await retriever.search(['lamp 42'], 1);
    expect(sent()).toBe(first);
  });

  it('works with a host that sends whole files only', async () => {
    served.hub.fail('', { kind: 'whole' }, 1_000);
    expect(await search('bm25', 'lamp 42')).toHaveLength(5);
  });

  it('tells a passage of another build from the one that was indexed', async () => {
    const pack = await openRangedPack(await open());
    const retriever = await pack.open('bm25', encoder);
    const chunk = join(served.folder, 'passages.jsonl.00001');
    const sound = await readFile(chunk, 'utf8');
    await writeFile(chunk, sound.replace('"p0"', '"q0"'));
    try {
      await expect(pack.passages.fetch([0])).rejects.toMatchObject({ code: 'INTEGRITY' });
      await expect(pack.passages.fetch([500])).rejects.toMatchObject({ code: 'INTEGRITY' });
    } finally {
      await writeFile(chunk, sound);
    }
    expect(retriever.mode).toBe('bm25');
  });

  it('is refused when the encoder at hand makes other vectors than it was built with', async () => {
    const pack = await openRangedPack(await open());
    const other = {
      ...bucketEncoder,
      embedPassages: () => Promise.resolve([new Float32Array(16).fill(0.25)]),
    };
    await expect(pack.open('dense', () => Promise.resolve(other))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: /encoder has changed/,
    });
  });

  it('stops when it is told to', async () => {
    const pack = await openRangedPack(await open());
    await expect(pack.passages.fetch([1, 60], AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

describe('an address without a pack', () => {
  it('is told from one whose server fails', async () => {
    await expect(openHttpPack(`${served.hub.url}packs/none/resolve/main/`, tools)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const gone = await startPackServer({ passages: madePassages(1), encoder: null });
    await gone.close();
    await expect(openHttpPack(gone.url, tools)).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('that answers with no end is left after eight megabytes', async () => {
    const server = createServer((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 32)));
      };
      response.on('drain', more).writeHead(200);
      more();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    try {
      await expect(openHttpPack(`http://127.0.0.1:${port}/`, tools)).rejects.toMatchObject({
        code: 'BAD_RESPONSE',
        message: /more than 8388608 bytes/,
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
