import 'fake-indexeddb/auto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../tests/retrieval/memory-device';
import { nodeEncoderPlatform } from '../platform/node/encoder-platform';
import { MemoryFileStore } from '../platform/storage/file-store';
import type { ImportFile } from '../protocol/corpus';
import type { Progress } from '../protocol/retrieval';
import { CorpusService } from './corpus-service';
import type { ByteCache } from './demo-corpus';
import { EncoderHost } from './encoder/encoder-host';

const DEMO = [
  { id: 'd1', title: 'Aar', text: 'The river Aar flows by the old town.' },
  { id: 'd2', title: 'Guild of Glass', text: 'The guild built the stone bridge.' },
  { id: 'd3', title: 'North Island', text: 'An island in the great lake.' },
];

/** Counts what it is asked to embed. */
class CountingHost extends EncoderHost {
  embedded = 0;

  override async embedPassages(...args: Parameters<EncoderHost['embedPassages']>): Promise<Float32Array[]> {
    this.embedded += args[1].length;
    return super.embedPassages(...args);
  }
}

let models: string;
let host: CountingHost;
let device: MemoryDevice;
let cached: Map<string, Uint8Array<ArrayBuffer>>;
/** The vectors that come with the page. */
let shipped: Uint8Array<ArrayBuffer> | null;

const cache: ByteCache = {
  read: (name) => Promise.resolve(cached.get(name) ?? null),
  write: (name, bytes) => Promise.resolve(void cached.set(name, bytes)),
};

/** As after a reload. */
const start = (): CorpusService =>
  new CorpusService({
    store: () => device.reopen(),
    encoders: host,
    demo: {
      fetchCorpus: () => Promise.resolve(new Blob([DEMO.map((row) => JSON.stringify(row)).join('\n')])),
      encoder: { id: 'demo' },
      fetchVectors: () => Promise.resolve(shipped),
      cache,
    },
  });

const file = (path: string, text: string): ImportFile => ({ path, file: new Blob([text]) });

// The tiny BERT of the fixtures stands in for the demo encoder.
beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 's3-models-'));
  await cp('tests/fixtures/tiny-bert-onnx', join(models, 'demo-encoder'), { recursive: true });
});
afterAll(() => rm(models, { recursive: true, force: true }));

beforeEach(() => {
  host = new CountingHost(nodeEncoderPlatform({ localModels: models }));
  device = new MemoryDevice();
  cached = new Map();
  shipped = null;
});

describe('the demo corpus', () => {
  it('takes the vectors that come with the page, unless they are damaged', async () => {
    await start().openCorpus('demo', 'dense');
    const embedded = host.embedded;
    shipped = [...cached.values()][0] ?? null;
    cached = new Map();
    await start().openCorpus('demo', 'dense');
    expect(host.embedded - embedded).toBe(1); // the first passage, to see that they are this encoder's
    expect(cached.size).toBe(0);
    shipped = new Uint8Array(shipped ?? []).fill(7, 40);
    await start().openCorpus('demo', 'dense');
    expect(host.embedded - embedded).toBe(1 + DEMO.length);
  });

  it('is searched by words and by vectors', async () => {
    const service = start();
    const [bm25] = await service.search('demo', 'bm25', ['stone bridges'], 3);
    expect(bm25?.map(({ passage }) => passage.id)).toEqual(['d2']);
    const info = await service.openCorpus('demo', 'dense');
    expect(info).toMatchObject({
      passages: 3,
      modes: ['dense', 'bm25', 'hybrid'],
      encoder: { model: 'demo-encoder', device: 'wasm' },
    });
    const [dense] = await service.search('demo', 'dense', ['the river'], 2);
    expect(dense).toHaveLength(2);
    // By words only d1 is found; by meaning any comes first. With the words' weight alone, the words decide.
    const [words] = await service.search('demo', 'hybrid', ['old town'], 3, undefined, { dense: 0 });
    expect(words?.map(({ passage }) => passage.id)).toEqual(['d1']);
    expect((await service.search('demo', 'hybrid', ['old town'], 3))[0]).toHaveLength(3);
    expect(dense?.[0]?.score).toBeGreaterThanOrEqual(dense?.[1]?.score ?? 1);
  });

  it('is embedded once, also when two ask at the same time, and not again after a reload', async () => {
    const service = start();
    const [a, b] = await Promise.all([
      service.search('demo', 'dense', ['island'], 1),
      service.search('demo', 'dense', ['island'], 1),
    ]);
    expect(a).toEqual(b);
    expect(host.embedded).toBe(3);
    await start().search('demo', 'dense', ['island'], 1);
    expect(host.embedded).toBe(4); // One passage, to see that the encoder is still the same.
  });

  it('is embedded again when what is kept is damaged or of another encoder', async () => {
    await start().search('demo', 'dense', ['island'], 1);
    const [[name, bytes] = ['', new Uint8Array()]] = cached;
    cached.set(name, bytes.slice(0, -9));
    await start().search('demo', 'dense', ['island'], 1);
    expect(host.embedded).toBe(6);
    expect(cached.get(name)).toEqual(bytes);
  });
});

describe('importing documents', () => {
  it('makes them searchable, also after a reload, until they are deleted', async () => {
    const seen: Progress[] = [];
    const { record, refusals } = await start().importFiles(
      {
        name: 'Mine',
        encoder: 'demo',
        files: [
          file('notes/aar.md', '# Aar\n\nA river of the north.'),
          file('c.jsonl', '{"id":"x","title":"Sea","text":"A harbour."}'),
        ],
      },
      (progress) => seen.push(progress),
    );
    expect(refusals).toEqual([]);
    expect(record).toMatchObject({
      name: 'Mine',
      passages: 2,
      encoder: { model: 'demo-encoder', dimensions: 32 },
    });
    expect(new Set(seen.map(({ unit }) => unit))).toEqual(new Set(['bytes', 'passages']));

    const service = start();
    expect(await service.listCorpora()).toEqual([record]);
    const [[word] = []] = await service.search(record.id, 'bm25', ['harbours'], 5);
    expect(word?.passage).toEqual({ id: 'x', title: 'Sea', text: 'A harbour.' });
    expect((await service.search(record.id, 'dense', ['river'], 5))[0]).toHaveLength(2);
    expect((await service.renameCorpus(record.id, 'Yours')).name).toBe('Yours');
    expect((await service.openCorpus(record.id, 'bm25')).name).toBe('Yours');
    await service.deleteCorpus(record.id);
    await expect(service.search(record.id, 'bm25', ['river'], 1)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(device.files.files.size).toBe(0);
  });

  it('takes the good files and says why it refuses the others, with the line', async () => {
    const { record, refusals } = await start().importFiles({
      name: '',
      encoder: null,
      files: [
        file('bad.jsonl', '{"text":"ok"}\n{oops'),
        file('a.txt', 'Good text.'),
        file('a.txt', 'More text.'),
        file('x.docx', 'zip'),
      ],
    });
    expect(refusals.map(({ path, line }) => [path, line])).toEqual([
      ['bad.jsonl', 2],
      ['x.docx', undefined],
    ]);
    expect(record).toMatchObject({ name: 'a.txt', passages: 2, encoder: null });
    expect(record.sources.map(({ name }) => name)).toEqual(['a.txt', 'a (2).txt']);
    const info = await start().openCorpus(record.id, 'dense');
    expect(info.modes).toEqual(['bm25']);
    await expect(start().search(record.id, 'dense', ['x'], 1)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('refuses an id that two files share', async () => {
    const row = '{"id":"1","text":"x"}';
    const { refusals } = await start().importFiles({
      name: 'n',
      encoder: null,
      files: [file('a.jsonl', row), file('b.jsonl', row)],
    });
    expect(refusals).toMatchObject([{ path: 'b.jsonl' }]);
  });

  it('stores nothing when nothing can be taken, when it is stopped, and when there is no room', async () => {
    const service = start();
    const bad = { name: 'n', encoder: null, files: [file('a.pdf', 'x'), file('b.txt', '')] };
    await expect(service.importFiles(bad)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(service.importFiles({ ...bad, files: [] })).rejects.toMatchObject({ code: 'BAD_INPUT' });

    const controller = new AbortController();
    const many = file('many.txt', 'The river flows by the old town. '.repeat(4000));
    const importing = service.importFiles(
      { name: 'n', encoder: 'demo', files: [many] },
      ({ label }) => label === 'Embedding' && controller.abort(),
      controller.signal,
    );
    await expect(importing).rejects.toMatchObject({ code: 'ABORTED' });

    device = new MemoryDevice(new MemoryFileStore(100));
    const full = start().importFiles({ name: 'n', encoder: null, files: [many] });
    await expect(full).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(device.files.files.size).toBe(0);
    expect(await start().listCorpora()).toEqual([]);
  });
});

describe('several corpora', () => {
  it('are searched as one, by words, by meaning and by both, and know of their changes', async () => {
    const service = start();
    const text = (id: string, rest: string) =>
      file(`${id}.jsonl`, JSON.stringify({ id, title: '', text: rest }));
    const first = await service.importFiles({
      name: 'A',
      encoder: 'demo',
      files: [text('a', 'The river of the north.')],
    });
    const second = await service.importFiles({
      name: 'B',
      encoder: 'demo',
      files: [text('b', 'A river and a bridge.')],
    });
    const both = `${first.record.id}+${second.record.id}`;
    const info = await service.openCorpus(both, 'hybrid');
    expect(info).toMatchObject({ name: 'A + B', passages: 2, modes: ['dense', 'bm25', 'hybrid'] });
    for (const mode of ['dense', 'bm25', 'hybrid'] as const) {
      const [hits] = await service.search(both, mode, ['river bridge'], 5);
      expect(hits?.map(({ passage }) => passage.id).sort()).toEqual(['a', 'b']);
      expect(hits?.[0]?.score).toBeGreaterThanOrEqual(hits?.[1]?.score ?? 9);
    }
    expect((await service.search(both, 'bm25', ['bridge'], 5))[0]?.[0]?.passage.id).toBe('b');
    await service.updateCorpus(first.record.id, { files: [text('c', 'A bridge of stone.')], add: true });
    expect((await service.search(both, 'bm25', ['stone'], 5))[0]?.[0]?.passage.id).toBe('c');
    await service.deleteCorpus(second.record.id);
    await expect(service.search(both, 'bm25', ['bridge'], 5)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
