import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it } from 'vitest';
import { rowsFile } from '../../tests/retrieval/imports';
import { startMadeService } from '../../tests/retrieval/made-service';
import { MemoryDevice } from '../../tests/retrieval/memory-device';
import { madePassages } from '../../tests/servers/pack-server';
import { lazyDatabase } from '../platform/storage/browser-storage';
import { RETRIEVAL_MODES } from '../protocol/retrieval';
import type { StagingStore } from '../protocol/staged-corpus';
import type { LinkedCorpusService } from './linked-service';

const passages = madePassages(150);
let device: MemoryDevice;
/** Bytes that the last one that was started read whole of each file. */
let wholly: Map<string, number>;
beforeEach(() => {
  device = new MemoryDevice();
});

function openStore(): StagingStore {
  const store = device.reopen();
  const read = new Map<string, number>();
  wholly = read;
  return {
    ...store,
    async read(id, file) {
      const bytes = await store.read(id, file);
      read.set(file, (read.get(file) ?? 0) + bytes.length);
      return bytes;
    },
  };
}

/** As after a reload. */
function start(passagesInMemory?: number): LinkedCorpusService {
  const store = openStore();
  return startMadeService({
    store: () => store,
    ...(passagesInMemory !== undefined && { passagesInMemory }),
  });
}

const imported = async (list: readonly object[] = passages, name = 'Lamps'): Promise<string> => {
  const request = {
    name,
    encoder: 'buckets',
    files: [rowsFile('lamps.jsonl', list)],
    index: 'compact' as const,
  };
  return (await start().importFiles(request)).record.id;
};
const QUERIES = ['heron river 17', 'the tower bell', 'otter island'];

/** As a corpus that was stored before there were tables of lines. */
async function forgetTable(id: string): Promise<void> {
  await device.files.remove(`corpora/${id}/passages.idx`);
  const db = await lazyDatabase(device.name)();
  const record = await db.get('corpora', id);
  if (!record) throw new Error('There is no such corpus.');
  delete record.files['passages.idx'];
  await db.put('corpora', record);
}

describe('a stored corpus whose passages are too many for the memory', () => {
  it('is searched as one that is in memory, by each way, alone and with others', async () => {
    const id = await imported();
    const other = await imported(passages.slice(20, 60), 'Some');
    const [here, there] = [start(), start(0)];
    for (const corpus of [id, `${id}+${other}`]) {
      for (const mode of RETRIEVAL_MODES) {
        const expected = await here.search(corpus, mode, QUERIES, 7);
        expect(expected.map(({ length }) => length)).toEqual([7, 7, 7]);
        expect(await there.search(corpus, mode, QUERIES, 7)).toEqual(expected);
      }
    }
    expect(await there.mapCorpus(id)).toEqual(await here.mapCorpus(id));
    expect(wholly.get('passages.jsonl')).toBeUndefined();
  });

  it('says what it holds: the table, not the passages', async () => {
    const id = await imported();
    const [here, there] = [start(), start(0)];
    const bytes = device.files.files.get(`corpora/${id}/passages.jsonl`)?.length ?? 0;
    const inMemory = (await here.openCorpus(id, 'bm25')).memoryBytes ?? 0;
    const ranged = (await there.openCorpus(id, 'bm25')).memoryBytes ?? 0;
    expect(inMemory - ranged).toBeGreaterThan(bytes - 8 * passages.length);
    expect(ranged).toBeGreaterThan(0);
  });

  it('of an earlier version, without a table, is read once from end to end', async () => {
    const id = await imported();
    const expected = await start(0).search(id, 'hybrid', QUERIES, 7);
    await forgetTable(id);
    expect(await start(0).search(id, 'hybrid', QUERIES, 7)).toEqual(expected);
    const file = device.files.files.get(`corpora/${id}/passages.jsonl`);
    if (file) file[5] = (file[5] ?? 0) ^ 1;
    await expect(start(0).search(id, 'bm25', QUERIES, 7)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('is refused with an altered table; an altered passage, when it is found', async () => {
    const id = await imported();
    const file = device.files.files.get(`corpora/${id}/passages.jsonl`);
    const service = start(0);
    const [[hit] = []] = await service.search(id, 'bm25', ['heron river 17'], 1);
    const at = new TextDecoder().decode(file).indexOf(`"id":"${hit?.passage.id ?? ''}"`);
    if (file) file[at + 20] = (file[at + 20] ?? 0) ^ 1;
    const refused = { code: 'INTEGRITY' };
    await expect(start(0).search(id, 'bm25', ['heron river 17'], 1)).rejects.toMatchObject(refused);
    const table = device.files.files.get(`corpora/${id}/passages.idx`);
    if (table) table[table.length - 3] = (table[table.length - 3] ?? 0) ^ 1;
    await expect(start(0).openCorpus(id, 'bm25')).rejects.toMatchObject(refused);
  });

  it('that another tab brings up to date is opened anew', async () => {
    const id = await imported();
    const service = start(0);
    await service.search(id, 'bm25', ['heron'], 1);
    const changed = passages.map((passage) => ({ ...passage, text: `${passage.text} Now by the quay.` }));
    await start().updateCorpus(id, { files: [rowsFile('lamps.jsonl', changed)] });
    const [hits] = await service.search(id, 'bm25', ['otter island'], 3);
    expect(hits?.map(({ passage }) => passage.text.endsWith('Now by the quay.'))).toEqual([true, true, true]);
  });

  it('becomes a pack, and keeps its table with another index', async () => {
    const id = await imported();
    const service = start(0);
    const packed = new TextDecoder('latin1').decode(await (await service.exportPack(id)).arrayBuffer());
    expect(packed.split('"passages.idx"')).toHaveLength(2);
    const record = await service.buildIndex(id, 'exact');
    expect(Object.keys(record.files).sort()).toEqual([
      ...['bm25.bin', 'passages.idx', 'passages.jsonl', 'vectors.bin'],
    ]);
    expect((await service.search(id, 'dense', QUERIES, 3))[0]).toHaveLength(3);
  });
});
