import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import {
  ENCODER,
  ImportDevice,
  request,
  requireWhole,
  rivers,
  rowsFile,
} from '../../../tests/retrieval/imports';
import { AppError } from '../../protocol/errors';
import type { StagingStore } from '../../protocol/staged-corpus';
import { importCorpus, resumeImport } from './import-corpus';
import type { ImportTools } from './import-tools';
import { updateCorpus } from './update-corpus';

/** With passages that come again under other ids. */
const list = [
  ...rivers(40),
  ...rivers(12).map((row) => ({ ...row, id: `again-${row.id}` })),
  ...rivers(9, 60),
];

/** What was read whole, of the corpus and of what is staged. */
function watched(store: StagingStore, whole: string[]): StagingStore {
  return {
    ...store,
    read: (id, file) => {
      whole.push(file);
      return store.read(id, file);
    },
    stage: (work, options) =>
      store.stage((staged) => {
        const { read } = staged;
        staged.read = (file) => {
          whole.push(file);
          return read(file);
        };
        return work(staged);
      }, options),
  };
}

const ranged = (device: ImportDevice, whole: string[] = []): ImportTools => ({
  ...device.toolsOf(watched(device.reopen(), whole)),
  passagesInMemory: 0,
});

/** The files of a corpus by name. */
const filesOf = (device: ImportDevice, id: string): [string, Uint8Array][] =>
  [...device.files.files]
    .filter(([path]) => path.includes(id))
    .map(([path, bytes]): [string, Uint8Array] => [path.split('/').at(-1) ?? '', bytes])
    .sort(([a], [b]) => a.localeCompare(b));

describe('a corpus too large for the memory', () => {
  it('becomes the same files, and its passages are never read as a whole', async () => {
    const [one, other] = [new ImportDevice(), new ImportDevice()];
    const whole: string[] = [];
    const { record: held } = await importCorpus(request(list), ENCODER, one.toolsOf());
    const { record: read } = await importCorpus(request(list), ENCODER, ranged(other, whole));
    expect(filesOf(other, read.id)).toEqual(filesOf(one, held.id));
    expect(other.encoder.embedded).toEqual(one.encoder.embedded);
    expect(whole.filter((file) => file.endsWith('.jsonl'))).toEqual([]);
    await requireWhole(other.reopen(), read.id, list);
  });

  it('is brought up to date in the same way, word for word', async () => {
    const changed = list
      .slice(3)
      .map((row) => (row.id === 'r30' ? { ...row, text: 'A dry bed.' } : row))
      .concat(rivers(5, 90));
    const updates = [
      { files: [rowsFile('rivers.jsonl', changed)] },
      { files: [rowsFile('more.jsonl', rivers(30, 25))], add: true, remove: ['r5', 'r90'] },
    ];
    const outcomes = [];
    for (const inMemory of [true, false]) {
      const device = new ImportDevice();
      const whole: string[] = [];
      const tools = (): ImportTools => (inMemory ? device.toolsOf() : ranged(device, whole));
      const { record } = await importCorpus(request(list), ENCODER, tools());
      const steps = [];
      for (const update of updates) {
        const { changes, record: now } = await updateCorpus(record.id, update, tools());
        steps.push({ changes, files: filesOf(device, now.folder ?? now.id) });
      }
      outcomes.push({ steps, embedded: device.encoder.embedded });
      expect(whole.filter((file) => file.endsWith('.jsonl'))).toEqual([]);
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[0]?.steps.map(({ changes }) => changes.removed)).toEqual([3, 2]);
  });

  it('goes on after a failure, and from before there were tables of lines', async () => {
    const device = new ImportDevice();
    device.encoder.failAfter = 0;
    await expect(importCorpus(request(list), ENCODER, ranged(device))).rejects.toThrow('gone');
    device.encoder.failAfter = Infinity;
    const [left] = await device.reopen().unfinished();
    if (!left) throw new Error('Nothing was left to go on with.');
    await device.files.remove(`corpora/${left.id}/passages.idx`);
    const { record } = await resumeImport(left.id, ranged(device));
    await requireWhole(device.reopen(), record.id, list);
    expect(Object.keys(record.files)).toContain('passages.idx');
  });

  it('whose staged passages were altered is refused', async () => {
    const device = new ImportDevice();
    device.encoder.failAfter = 0;
    await expect(importCorpus(request(list), ENCODER, ranged(device))).rejects.toThrow('gone');
    const [left] = await device.reopen().unfinished();
    const file = device.files.files.get(`corpora/${left?.id ?? ''}/passages.jsonl`);
    if (file) file[30] = (file[30] ?? 0) ^ 1;
    await expect(resumeImport(left?.id ?? '', ranged(device))).rejects.toThrow(AppError);
  });
});
