import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryDevice } from '../../tests/retrieval/memory-device';
import { randomNumbers } from '../../tests/retrieval/random-instances';
import { nodeUsearchModule } from '../platform/node/usearch';
import { lazyDatabase } from '../platform/storage/browser-storage';
import type { CorpusStoreParts } from '../platform/storage/corpus-store';
import { createLocalLocks } from '../platform/storage/locks';
import { VECTOR_INDEXES, type CorpusRecord, type VectorIndexKind } from '../protocol/corpus';
import type { EncoderServiceApi } from '../protocol/encoder';
import type { Progress } from '../protocol/retrieval';
import { CorpusService } from './corpus-service';
import { ByteRows, decodeVectors } from './dense';

vi.setConfig({ testTimeout: 120_000 });

const DIMENSIONS = 48;
const PASSAGES = 400;

/** A unit vector that follows from the text alone, near those of the texts with the same first word. */
function vectorOf(text: string): Float32Array {
  const known = vectors.get(text);
  if (known) return known;
  const [topic = ''] = text.split(' ');
  const seedOf = (word: string): number =>
    [...word].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 999_983, 7);
  const [near, own] = [randomNumbers(seedOf(topic)), randomNumbers(seedOf(text))];
  const vector = Float32Array.from({ length: DIMENSIONS }, () => near() - 0.3 + (own() - 0.5) * 0.8);
  const norm = Math.hypot(...vector);
  const unit = vector.map((x) => x / norm);
  vectors.set(text, unit);
  return unit;
}
const vectors = new Map<string, Float32Array>();

class Encoders implements EncoderServiceApi {
  embedded = 0;

  load() {
    const made = { model: 'words', revision: '1', dimensions: DIMENSIONS, dtype: 'fp32' as const };
    return Promise.resolve({ ...made, device: 'wasm' as const });
  }

  options() {
    return Promise.resolve([]);
  }

  measure() {
    return Promise.reject(new Error('not here'));
  }

  embedQueries(_: unknown, texts: readonly string[]) {
    return Promise.resolve(texts.map(vectorOf));
  }

  embedPassages(_: unknown, passages: readonly { text: string }[]) {
    this.embedded += passages.length;
    return Promise.resolve(passages.map(({ text }) => vectorOf(text)));
  }
}

let device: MemoryDevice;
let encoders: Encoders;
beforeEach(() => {
  device = new MemoryDevice();
  encoders = new Encoders();
});

/** As after a reload. */
const start = (parts: Partial<CorpusStoreParts> = {}): CorpusService =>
  new CorpusService({
    store: () => device.reopen(parts),
    encoders,
    demo: {
      fetchCorpus: () => Promise.reject(new Error('not here')),
      encoder: { id: 'words' },
      fetchVectors: () => Promise.resolve(null),
      cache: null,
    },
    dense: { openUsearch: nodeUsearchModule },
  });

const topics = ['river', 'bridge', 'glass', 'island', 'guild', 'stone', 'market', 'harbour'];
const topicOf = (i: number): string => topics[i % topics.length] ?? '';
const textOf = (i: number): string => `${topicOf(i)} number ${i} of the old town`;
const rows = Array.from({ length: PASSAGES }, (_, i) => ({ id: `p${i}`, title: '', text: textOf(i) }));
const jsonl = (list: readonly object[]) => ({
  path: 'town.jsonl',
  file: new Blob([list.map((row) => JSON.stringify(row)).join('\n')]),
});
const queries = Array.from({ length: 25 }, (_, i) => `${topicOf(i)} asked for ${i}`);

async function imported(index?: VectorIndexKind): Promise<CorpusRecord> {
  const request = { name: 'Town', encoder: 'words', files: [jsonl(rows)], ...(index && { index }) };
  return (await start().importFiles(request)).record;
}

/** Of the ten best of an exact search over the vectors as they were, how many are found. */
async function recall(service: CorpusService, id: string): Promise<number> {
  const found = await service.search(id, 'dense', queries, 10);
  let hits = 0;
  queries.forEach((query, q) => {
    const vector = vectorOf(query);
    const scores = rows.map(({ id: row, text }) => ({
      row,
      score: vectorOf(text).reduce((sum, x, d) => sum + x * (vector[d] ?? 0), 0),
    }));
    const best = scores.sort((a, b) => b.score - a.score).slice(0, 10);
    const ids = new Set(found[q]?.map(({ passage }) => passage.id));
    hits += best.filter(({ row }) => ids.has(row)).length;
  });
  return hits / (10 * queries.length);
}

const FILES: Record<VectorIndexKind, string[]> = {
  exact: ['bm25.bin', 'passages.idx', 'passages.jsonl', 'vectors.bin'],
  compact: ['bm25.bin', 'passages.idx', 'passages.jsonl', 'signs.bin', 'vectors.bin'],
  hnsw: ['bm25.bin', 'graph.usearch', 'passages.idx', 'passages.jsonl', 'vectors.bin'],
};
/** What is stored, and nothing else; the folder may have another name than the corpus. */
async function requireFiles(record: CorpusRecord, kind: VectorIndexKind): Promise<void> {
  expect(Object.keys(record.files).sort()).toEqual(FILES[kind]);
  const folder = `corpora/${record.folder ?? record.id}`;
  expect([...device.files.files.keys()].sort()).toEqual(FILES[kind].map((name) => `${folder}/${name}`));
  for (const name of FILES[kind])
    expect((await device.reopen().read(record.id, name)).length).toBeGreaterThan(0);
}

describe('a corpus with another index than the exact one', () => {
  it.each(VECTOR_INDEXES)(
    'finds 97 % of the ten best, and is what it was after a reload (%s)',
    async (kind) => {
      const record = await imported(kind);
      expect(record.index).toBe(kind);
      await requireFiles(record, kind);
      const service = start();
      const info = await service.openCorpus(record.id, 'dense');
      const dtype = { exact: 'f32', compact: 'int8', hnsw: 'f16' }[kind];
      expect(info.vectors).toMatchObject({ kind, backend: 'wasm', dtype });
      expect(info.vectors?.reason).not.toBe('');
      expect(info.memoryBytes).toBeGreaterThan(0);
      expect(await recall(service, record.id)).toBeGreaterThanOrEqual(0.97);
      const [hits = []] = await service.search(record.id, 'hybrid', ['glass number 42'], 5);
      expect(hits.map(({ passage }) => passage.id)).toContain('p42');
    },
  );

  it('holds less in memory where it is compact, and reads only rows that it looks at', async () => {
    const [exact, compact] = [await imported(), await imported('compact')];
    const service = start();
    const dense = async ({ id }: CorpusRecord): Promise<number> =>
      ((await service.openCorpus(id, 'dense')).memoryBytes ?? 0) - passagesBytes;
    const passagesBytes = (await service.openCorpus(exact.id, 'bm25')).memoryBytes ?? 0;
    expect(await dense(compact)).toBeLessThanOrEqual(await dense(exact));
    const id = compact.folder ?? compact.id;
    const [path = ''] = [...device.files.files.keys()].filter((name) => name === `corpora/${id}/vectors.bin`);
    const altered = device.files.files.get(path)?.slice() ?? new Uint8Array();
    // In the middle of the rows: a row of them is altered, which none of the others shows.
    altered[altered.length >> 1] = (altered[altered.length >> 1] ?? 0) ^ 1;
    await device.files.write(path, altered);
    const failed = await Promise.all(
      queries.map((query) =>
        start()
          .search(compact.id, 'dense', [query], 2)
          .then(
            () => 'found',
            (error: unknown) => (error as { code?: string }).code,
          ),
      ),
    );
    expect([...new Set(failed)].sort()).toEqual(['INTEGRITY', 'found']);
  });

  it('looks at as many candidates as a search asks for, and refuses nonsense', async () => {
    const { id } = await imported('hnsw');
    const service = start();
    const info = await service.openCorpus(id, 'dense');
    expect(info.vectors?.ef).toBe(256);
    const all = await service.search(id, 'dense', queries, 10, undefined, {}, { ef: 400 });
    const few = await service.search(id, 'dense', queries, 10, undefined, {}, { ef: 1 });
    expect(few).not.toEqual(all);
    const found = service.search(id, 'hybrid', queries, 10, undefined, {}, { ef: 0 });
    await expect(found).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(await service.search(id, 'dense', queries, 10)).toEqual(
      await service.search(id, 'dense', queries, 10, undefined, {}, { ef: 256 }),
    );
  });

  it('looks at as many candidates where several corpora are searched as one', async () => {
    const [first, second] = [await imported('hnsw'), await imported('hnsw')];
    const service = start();
    const both = `${first.id}+${second.id}`;
    const search = (mode: 'dense' | 'hybrid', ef: number, hybrid = {}) =>
      service.search(both, mode, queries, 10, undefined, hybrid, { ef });
    expect(await search('dense', 1)).not.toEqual(await search('dense', 400));
    // By both: with vectors alone weighed, it is their ranking.
    const vectorsAlone = { bm25: 0, depth: 10 };
    expect(await search('hybrid', 1, vectorsAlone)).not.toEqual(await search('hybrid', 400, vectorsAlone));
    for (const mode of ['dense', 'hybrid'] as const) {
      await expect(search(mode, 0)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  it('keeps its kind when it is brought up to date', async () => {
    for (const kind of ['compact', 'hnsw'] as const) {
      const { id } = await imported(kind);
      const service = start();
      await service.openCorpus(id, 'dense');
      const more = [{ id: 'new', title: '', text: 'lighthouse number 1 at the sea' }];
      const outcome = await service.updateCorpus(id, { files: [jsonl(more)], add: true, remove: ['p3'] });
      expect(outcome.record).toMatchObject({ index: kind, passages: PASSAGES });
      expect(Object.keys(outcome.record.files).sort()).toEqual(FILES[kind]);
      const [hits = []] = await service.search(id, 'dense', ['lighthouse number 1 at the sea'], 3);
      expect(hits[0]?.passage.id).toBe('new');
      expect((await start().openCorpus(id, 'dense')).vectors?.kind).toBe(kind);
    }
  });

  it('is opened anew where another tab has brought it up to date in the meantime', async () => {
    const { id } = await imported('compact');
    const [here, there] = [start(), start()];
    await here.openCorpus(id, 'dense');
    const more = [{ id: 'new', title: '', text: 'lighthouse number 1 at the sea' }];
    // Every row lies elsewhere now.
    await there.updateCorpus(id, { files: [jsonl(more)], add: true, remove: ['p0'] });
    const [hits = []] = await here.search(id, 'dense', ['lighthouse number 1 at the sea'], 3);
    expect(hits[0]?.passage.id).toBe('new');
  });

  it('keeps the codes of what has not changed, however often it is brought up to date', async () => {
    const { id } = await imported('compact');
    const first = await decodeVectors(await device.reopen().read(id, 'vectors.bin'));
    const service = start();
    for (let round = 0; round < 3; round += 1) {
      const more = [{ id: `new${round}`, title: '', text: `lighthouse number ${round} at the sea` }];
      await service.updateCorpus(id, { files: [jsonl(more)], add: true });
    }
    const last = await decodeVectors(await device.reopen().read(id, 'vectors.bin'));
    expect(last.count).toBe(PASSAGES + 3);
    if (!(first instanceof ByteRows) || !(last instanceof ByteRows)) throw new Error('They are not int8.');
    const codes = ({ codes: all }: ByteRows): string =>
      Buffer.from(all.slice(0, PASSAGES * DIMENSIONS)).toString('hex');
    expect(codes(last)).toBe(codes(first));
    expect([...last.scales.subarray(0, PASSAGES)]).toEqual([...first.scales]);
    expect([...last.mean]).toEqual([...first.mean]);
    const own = last.rowAt(PASSAGES + 2);
    const vector = vectorOf('lighthouse number 2 at the sea');
    expect(own.reduce((sum, x, d) => sum + x * (vector[d] ?? 0), 0)).toBeGreaterThan(0.99);
    // With more that is new than is old, the mean is taken anew, and so are the codes.
    const many = Array.from({ length: 500 }, (_, i) => ({
      id: `m${i}`,
      title: '',
      text: `mill ${i} up the river`,
    }));
    await service.updateCorpus(id, { files: [jsonl(many)], add: true });
    const anew = await decodeVectors(await device.reopen().read(id, 'vectors.bin'));
    expect(anew.count).toBe(PASSAGES + 503);
    expect([...anew.rowAt(0)]).not.toEqual([...first.rowAt(0)]);
  });

  it('is refused before anything is embedded, where no graph can be built', async () => {
    const service = new CorpusService({
      store: () => device.reopen(),
      encoders,
      demo: {
        fetchCorpus: () => Promise.reject(new Error('not here')),
        encoder: { id: 'words' },
        fetchVectors: () => Promise.resolve(null),
        cache: null,
      },
    });
    const request = { name: 'Town', encoder: 'words', files: [jsonl(rows)], index: 'hnsw' as const };
    await expect(service.importFiles(request)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(encoders.embedded).toBe(0);
    expect(device.files.files.size).toBe(0);
  });
});

describe('another index over the same vectors', () => {
  it('goes from each kind to each other; nothing is embedded again, and the old files are gone', async () => {
    const { id } = await imported();
    const service = start();
    encoders.embedded = 0;
    for (const kind of ['compact', 'hnsw', 'exact', 'hnsw', 'compact', 'exact'] as const) {
      const seen: Progress[] = [];
      const record = await service.buildIndex(id, kind, (progress) => seen.push(progress));
      expect(record).toMatchObject({ id, name: 'Town', index: kind, passages: PASSAGES });
      await requireFiles(record, kind);
      expect(seen.length).toBeGreaterThan(0);
      expect(encoders.embedded).toBe(0);
      const { vectors } = await service.openCorpus(id, 'dense');
      expect(vectors?.kind).toBe(kind);
      expect(await recall(service, id)).toBeGreaterThanOrEqual(0.97);
      // The first passage, to see that they are this encoder's.
      encoders.embedded = 0;
    }
    const again = await service.buildIndex(id, 'exact');
    expect(again).toEqual((await service.listCorpora())[0]);
  });

  it('is left as it was, whenever it is stopped or the tab is closed', async () => {
    const { id } = await imported();
    const before = (await device.reopen().list())[0];
    const bytes = new Map(device.files.files);
    for (let stopAt = 1; stopAt <= 3; stopAt += 1) {
      for (const kind of ['compact', 'hnsw'] as const) {
        const controller = new AbortController();
        let steps = 0;
        const stop = (): void => {
          if (++steps === stopAt) controller.abort();
        };
        const outcome = await start()
          .buildIndex(id, kind, stop, controller.signal)
          .catch((error: unknown) => (error as { code?: string }).code);
        expect(outcome).toBe('ABORTED');
        expect((await device.reopen().list())[0]).toEqual(before);
        expect([...device.files.files.keys()]).toEqual([...bytes.keys()]);
        // Byte by byte, but not by `toEqual`, which takes seconds for it.
        for (const [name, was] of bytes) {
          expect(Buffer.compare(device.files.files.get(name) ?? Buffer.of(), was)).toBe(0);
        }
      }
    }
    let resumed = 0;
    for (let crashAt = 0; crashAt < 10; crashAt += 1) {
      let steps = 0;
      const step = async <T>(work: () => Promise<T>): Promise<T> => {
        if (steps++ >= crashAt) throw new Error('crash');
        return work();
      };
      const own = lazyDatabase(device.name);
      const dying = start({
        database: () => step(own),
        locks: createLocalLocks(),
        files: {
          write: (path, data) => step(() => device.files.write(path, data)),
          sink: (path) => step(() => device.files.sink(path)),
          read: (path) => device.files.read(path),
          open: (path) => device.files.open(path),
          list: (folder) => device.files.list(folder),
          remove: (path) => step(() => device.files.remove(path)),
        },
      });
      const kind = (['compact', 'hnsw', 'exact'] as const)[crashAt % 3] ?? 'exact';
      await dying.buildIndex(id, kind).catch(() => undefined);
      device.locks = createLocalLocks();
      await device.reopen().sweep();
      const [record] = await device.reopen().list();
      if (!record) throw new Error('The corpus is gone.');
      const [left] = await start().listUnfinished();
      if (!left) {
        await requireFiles(record, record.index ?? 'exact');
        continue;
      }
      expect(left).toMatchObject({ task: 'index', index: kind, replaces: id });
      expect(record).toMatchObject({ id, passages: PASSAGES });
      await requireFiles((await start().resumeImport(left.id)).record, kind);
      resumed += 1;
    }
    expect(resumed).toBeGreaterThan(3);
    expect(await recall(start(), id)).toBeGreaterThanOrEqual(0.97);
  });

  it('is not for corpora without vectors, or that are not here', async () => {
    const words = await start().importFiles({ name: 'Words', encoder: null, files: [jsonl(rows)] });
    const refused = { code: 'UNSUPPORTED' };
    await expect(start().buildIndex(words.record.id, 'hnsw')).rejects.toMatchObject(refused);
    await expect(start().buildIndex('none', 'hnsw')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
