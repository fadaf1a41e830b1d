import 'fake-indexeddb/auto';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ENCODER,
  identity,
  ImportDevice,
  request,
  requireWhole,
  rivers,
  rowsFile,
} from '../../../tests/retrieval/imports';
import { lazyDatabase } from '../../platform/storage/browser-storage';
import { MemoryFileStore } from '../../platform/storage/file-store';
import { createLocalLocks } from '../../platform/storage/locks';
import { CORPUS_FILES } from '../../protocol/corpus';
import type { Encoder } from '../../protocol/retrieval';
import { decodeVectors } from '../dense';
import { importCorpus, resumeImport } from './import-corpus';
import type { ImportTools } from './import-tools';
import { updateCorpus } from './update-corpus';

let device: ImportDevice;
beforeEach(() => {
  device = new ImportDevice();
});

describe('an import', () => {
  it('becomes a corpus whose files fit together, and leaves nothing else', async () => {
    const list = rivers(600);
    const { record, refusals } = await importCorpus(request(list), ENCODER, device.toolsOf());
    expect(refusals).toEqual([]);
    await requireWhole(device.reopen(), record.id, list);
    expect([...device.files.files.keys()].sort()).toEqual(
      ['bm25.bin', 'passages.idx', 'passages.jsonl', 'vectors.bin'].map(
        (name) => `corpora/${record.id}/${name}`,
      ),
    );
  });

  it('keeps many vectors as bytes', async () => {
    const list = rivers(4200);
    const { record } = await importCorpus(request(list), ENCODER, device.toolsOf());
    const vectors = await decodeVectors(await device.reopen().read(record.id, CORPUS_FILES.vectors));
    expect(vectors.dtype).toBe('int8');
    await requireWhole(device.reopen(), record.id, list);
  });

  it('embeds the longest first and equal passages once', async () => {
    const list = [
      { id: 'a', title: 'T', text: 'short' },
      { id: 'b', title: 'T', text: 'much longer than the others' },
      { id: 'c', title: 'T', text: 'short' },
    ];
    const { record } = await importCorpus(request(list), ENCODER, device.toolsOf());
    expect(device.encoder.embedded).toEqual(['much longer than the others', 'short']);
    await requireWhole(device.reopen(), record.id, list);
  });

  it('takes back what it wrote of a file that turns out bad', async () => {
    const good = rivers(3);
    const bad = { path: 'bad.jsonl', file: new Blob([`{"text":"ok ${'x'.repeat(2_000_000)}"}\n{oops`]) };
    const more = rowsFile('more.jsonl', rivers(2, 3));
    const { record, refusals } = await importCorpus(
      { ...request(good, null), files: [...request(good).files, bad, more] },
      null,
      device.toolsOf(),
    );
    expect(refusals).toMatchObject([{ path: 'bad.jsonl', line: 2 }]);
    await requireWhole(device.reopen(), record.id, rivers(5));
  });

  it('takes tables and the folder of a BEIR set, and says whose layout rows have', async () => {
    const given = [
      {
        path: 'beir/corpus.jsonl.gz',
        file: new Blob([gzipSync('{"_id":"1","title":"Aar","text":"A river."}')]),
      },
      { path: 'beir/queries.jsonl', file: new Blob(['{"_id":"q","text":"which?"}']) },
      { path: 'beir/qrels/test.tsv', file: new Blob(['query-id\tcorpus-id\tscore']) },
      { path: 'wiki.tsv', file: new Blob(['id\ttext\ttitle\n7\t"A ""long"" text"\tSea\n']) },
      rowsFile('med.jsonl', [
        { id: 'm', title: 'Heart', content: 'It beats.', contents: 'Heart. It beats.' },
      ]),
      rowsFile('search-r1.jsonl', [{ id: '9', contents: '"Zug"\nA town.' }]),
    ];
    const { record, refusals } = await importCorpus(
      { name: 'Mixed', encoder: null, files: given },
      null,
      device.toolsOf(),
    );
    expect(refusals.map(({ path }) => path)).toEqual(['beir/queries.jsonl', 'beir/qrels/test.tsv']);
    expect(record.sources.map(({ layout }) => layout)).toEqual(['beir', 'wiki-18', 'medcorp', 'wiki-18']);
    await requireWhole(device.reopen(), record.id, [
      { id: '1', title: 'Aar', text: 'A river.' },
      { id: '7', title: 'Sea', text: 'A "long" text' },
      { id: 'm', title: 'Heart', text: 'It beats.' },
      { id: '9', title: 'Zug', text: 'A town.' },
    ]);
  });

  it('waits for one that is under way, and can be stopped while it waits', async () => {
    let release = (): void => undefined;
    const first = device.reopen().stage(() => new Promise<void>((resolve) => (release = resolve)));
    const labels: (string | undefined)[] = [];
    const stopped = new AbortController();
    const second = importCorpus(request(rivers(2)), ENCODER, device.toolsOf(), {
      onProgress: ({ label }) => labels.push(label),
    });
    const third = importCorpus(request(rivers(2)), ENCODER, device.toolsOf(), { signal: stopped.signal });
    setTimeout(() => stopped.abort(), 20);
    await expect(third).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await device.reopen().list()).toEqual([]);
    release();
    await first;
    await requireWhole(device.reopen(), (await second).record.id, rivers(2));
    expect(labels[0]).toContain('Waiting');
  });

  it('leaves nothing when the disk is full at any point, and says so', async () => {
    for (const quota of [0, 500, 9_000, 30_000, 45_000]) {
      device = new ImportDevice(new MemoryFileStore(quota));
      await expect(importCorpus(request(rivers(300)), ENCODER, device.toolsOf())).rejects.toMatchObject({
        code: 'STORAGE_FULL',
      });
      expect(device.files.files.size).toBe(0);
      expect(await device.reopen().unfinished()).toEqual([]);
    }
  });
});

describe("an import for which the browser's estimate leaves no room", () => {
  it('is refused and leaves nothing, though a write would go through', async () => {
    const store = device.reopen({
      quota: {
        estimate: () => Promise.resolve({ usedBytes: 100_000, quotaBytes: 110_000, persisted: false }),
        persist: () => Promise.resolve(false),
      },
    });
    await expect(importCorpus(request(rivers(300)), ENCODER, device.toolsOf(store))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
    });
    expect(device.files.files.size).toBe(0);
  });
});

describe('an import that is cut short', () => {
  it('is absent, or complete, or goes on, wherever that happens; never half', async () => {
    const list = rivers(700);
    const seen = { absent: 0, complete: 0, resumed: 0 };
    for (let crashAt = 0; ; crashAt++) {
      device = new ImportDevice();
      const { files } = device;
      let steps = 0;
      // From the crash on nothing happens any more: neither the rest of the work nor the cleaning up.
      const step = async <T>(work: () => Promise<T>): Promise<T> => {
        if (steps++ >= crashAt) throw new Error('crash');
        return work();
      };
      // What is being written when it happens is cut off in the middle.
      const writing = async (path: string, data: Uint8Array<ArrayBuffer>): Promise<void> => {
        if (steps === crashAt) await files.write(path, data.slice(0, data.byteLength / 2));
        return step(() => files.write(path, data));
      };
      const open = lazyDatabase(device.name);
      const dying = device.reopen({
        database: () => step(open),
        locks: createLocalLocks(),
        files: {
          write: writing,
          sink: async (path) => {
            const sink = await step(() => files.sink(path));
            return {
              write: (data) => step(() => sink.write(data)),
              truncate: (length) => step(() => sink.truncate(length)),
              close: () => step(() => sink.close()),
            };
          },
          read: (path) => files.read(path),
          open: (path) => files.open(path),
          list: (folder) => files.list(folder),
          remove: (path) => step(() => files.remove(path)),
        },
      });
      const finished = await importCorpus(request(list), ENCODER, device.toolsOf(dying)).catch(() => null);
      const store = device.reopen({ locks: createLocalLocks() });
      await store.sweep();
      const [unfinished] = await store.unfinished();
      const [record] = await store.list();
      expect(unfinished === undefined || record === undefined).toBe(true);
      if (record) {
        seen.complete++;
        await requireWhole(store, record.id, list);
      } else if (unfinished) {
        seen.resumed++;
        const before = device.encoder.embedded.length;
        const { record: resumed } = await resumeImport(unfinished.id, device.toolsOf(store));
        await requireWhole(store, resumed.id, list);
        // At most the part that was being written is embedded again.
        expect(device.encoder.embedded.length - before).toBeLessThanOrEqual(list.length);
        expect(device.encoder.embedded.length).toBeLessThanOrEqual(list.length + 256);
      } else {
        seen.absent++;
        expect(device.files.files.size).toBe(0);
      }
      expect(await store.unfinished()).toEqual([]);
      if (finished) break;
    }
    // All three ways were walked.
    expect(Math.min(seen.absent, seen.complete, seen.resumed)).toBeGreaterThan(0);
    expect(seen.absent + seen.resumed).toBeGreaterThan(8);
  }, 120_000);

  it('is kept when what failed can pass, and goes on with what it has', async () => {
    device.encoder.failAfter = 500;
    await expect(importCorpus(request(rivers(700)), ENCODER, device.toolsOf())).rejects.toMatchObject({
      code: 'NETWORK',
    });
    const [unfinished] = await device.reopen().unfinished();
    expect(unfinished?.plan).toMatchObject({ name: 'Rivers', passages: 700 });
    expect(await device.reopen().sweep()).toBe(0);
    device.encoder.failAfter = Infinity;
    const { record } = await resumeImport(unfinished?.id ?? '', device.toolsOf());
    expect(device.encoder.embedded).toHaveLength(700);
    await requireWhole(device.reopen(), record.id, rivers(700));
  });

  it('can be discarded, and then is unknown', async () => {
    device.encoder.failAfter = 0;
    await importCorpus(request(rivers(10)), ENCODER, device.toolsOf()).catch(() => undefined);
    const [{ id } = { id: '' }] = await device.reopen().unfinished();
    await device.reopen().discard(id);
    expect(device.files.files.size).toBe(0);
    await expect(resumeImport(id, device.toolsOf())).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('an import whose ids repeat', () => {
  const rows = [...rivers(3), { id: 'r1', title: 'Another', text: 'Not that river.' }, ...rivers(1, 1)];

  it('is refused, and told how it would not be', async () => {
    await expect(importCorpus(request(rows, null), null, device.toolsOf())).rejects.toMatchObject({
      code: 'BAD_INPUT',
      context: { line: 4 },
      fix: expect.stringContaining('Number repeated ids') as unknown,
    });
  });

  it('numbers them where that is wished, over all files, and says how many', async () => {
    const bad = { path: 'bad.jsonl', file: new Blob(['{"id":"r2","text":"other"}\n{oops']) };
    const given = [
      rowsFile('a.jsonl', rows),
      bad,
      rowsFile('b.jsonl', [{ id: 'r2', title: 'B', text: 'b' }]),
    ];
    const { record, repeats, refusals } = await importCorpus(
      { name: 'Rivers', encoder: null, files: given, numberRepeats: true },
      null,
      device.toolsOf(),
    );
    expect(refusals).toHaveLength(1);
    expect(repeats).toEqual({ numbered: 2, dropped: 1 });
    expect(record.sources.map(({ passages }) => passages)).toEqual([4, 1]);
    await requireWhole(device.reopen(), record.id, [
      ...rivers(3),
      { id: 'r1~2', title: 'Another', text: 'Not that river.' },
      { id: 'r2~3', title: 'B', text: 'b' },
    ]);
  });
});

describe('an import that is paused', () => {
  /** Pauses, or stops, as soon as the report says so. */
  const watchingFor = (label: string) => {
    const [pause, stop] = [new AbortController(), new AbortController()];
    const onProgress = (progress: { label?: string }): void => {
      if (progress.label?.includes(label)) pause.abort();
    };
    return { pause: pause.signal, signal: stop.signal, onProgress, stop };
  };
  const paused = { code: 'ABORTED', context: { paused: true } };

  it('while it is read, is read to its end, and goes on without its files', async () => {
    const given = {
      ...request(rivers(5)),
      files: [...request(rivers(3)).files, rowsFile('b.jsonl', rivers(2, 3))],
    };
    await expect(
      importCorpus(given, ENCODER, device.toolsOf(), watchingFor('rivers.jsonl')),
    ).rejects.toMatchObject(paused);
    const [unfinished] = await device.reopen({ locks: createLocalLocks() }).unfinished();
    expect(unfinished?.plan).toMatchObject({ name: 'Rivers', passages: 5 });
    expect(device.encoder.embedded).toEqual([]);
    const { record } = await resumeImport(unfinished?.id ?? '', device.toolsOf());
    await requireWhole(device.reopen(), record.id, rivers(5));
  });

  it('while it is embedded, keeps the vectors it has, as often as it is paused', async () => {
    const list = rivers(900);
    const pausing = new AbortController();
    const stepping: Encoder = {
      ...{ dimensions: 4, embedQueries: () => device.encoder.embedQueries() },
      embedPassages(passages, _onProgress, signal) {
        if (signal?.aborted) throw new DOMException('Stopped.', 'AbortError');
        return device.encoder.embedPassages(passages);
      },
    };
    const tools = (): ImportTools => ({
      ...device.toolsOf(),
      loadEncoder: () => Promise.resolve({ encoder: stepping, identity }),
    });
    const afterFirstPart = ({ done }: { done: number }): void => {
      if (device.encoder.embedded.length === 256 && done === 256) pausing.abort();
    };
    await expect(
      importCorpus(request(list), ENCODER, tools(), { pause: pausing.signal, onProgress: afterFirstPart }),
    ).rejects.toMatchObject(paused);
    const id = async (): Promise<string> => (await device.reopen().unfinished())[0]?.id ?? '';
    const again = new AbortController();
    await expect(
      resumeImport(await id(), tools(), {
        pause: again.signal,
        onProgress: ({ done, label }) => label === 'Embedding' && done === 512 && again.abort(),
      }),
    ).rejects.toMatchObject(paused);
    expect(await device.reopen().list()).toEqual([]);
    const { record } = await resumeImport(await id(), tools());
    expect(device.encoder.embedded).toHaveLength(900);
    await requireWhole(device.reopen(), record.id, list);
  });

  it('is removed when it is stopped as well', async () => {
    const watching = watchingFor('Indexing words');
    watching.pause.addEventListener('abort', () => watching.stop.abort());
    await expect(importCorpus(request(rivers(5)), ENCODER, device.toolsOf(), watching)).rejects.toMatchObject(
      {
        code: 'ABORTED',
        context: undefined,
      },
    );
    expect(device.files.files.size).toBe(0);
    expect(await device.reopen().unfinished()).toEqual([]);
  });

  it('leaves a corpus that it brings up to date as it was, until it goes on', async () => {
    const { record } = await importCorpus(request(rivers(4)), ENCODER, device.toolsOf());
    const update = { files: [rowsFile('rivers.jsonl', rivers(6))] };
    await expect(
      updateCorpus(record.id, update, device.toolsOf(), watchingFor('rivers.jsonl')),
    ).rejects.toMatchObject(paused);
    await requireWhole(device.reopen(), record.id, rivers(4));
    const [unfinished] = await device.reopen().unfinished();
    expect(unfinished?.plan.replaces).toBe(record.id);
    const { changes } = await resumeImport(unfinished?.id ?? '', device.toolsOf());
    expect(changes).toEqual({ added: 2, changed: 0, removed: 0, kept: 4 });
    await requireWhole(device.reopen(), record.id, rivers(6));
  });
});
