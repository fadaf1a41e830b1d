import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ENCODER,
  ImportDevice,
  request,
  requireWhole,
  rivers,
  rowsFile,
} from '../../../tests/retrieval/imports';
import { DEFAULT_CHUNKING } from '../../protocol/corpus';
import { importCorpus, resumeImport } from './import-corpus';
import { rebuildIndex } from './rebuild-index';
import { updateCorpus } from './update-corpus';

let device: ImportDevice;
beforeEach(() => {
  device = new ImportDevice();
});

describe('bringing a corpus up to date', () => {
  it('embeds what is new or changed alone, under the same id and name', async () => {
    const { record } = await importCorpus(request(rivers(20)), ENCODER, device.toolsOf());
    await device.reopen().rename(record.id, 'Streams');
    device.encoder.embedded = [];
    const list = rivers(25)
      .map((row) => (row.id === 'r3' ? { ...row, text: 'A dry bed.' } : row))
      .slice(2);
    const outcome = await updateCorpus(
      record.id,
      { files: [rowsFile('rivers.jsonl', list)] },
      device.toolsOf(),
    );
    expect(outcome.changes).toEqual({ added: 5, changed: 1, removed: 2, kept: 17 });
    expect(outcome.record).toMatchObject({ id: record.id, name: 'Streams', passages: 23 });
    expect(device.encoder.embedded).toHaveLength(6);
    await requireWhole(device.reopen(), record.id, list);
    expect((await device.files.list('corpora')).length).toBe(1);
    // Once more from the new place.
    await updateCorpus(record.id, { files: [], add: true, remove: ['r5'] }, device.toolsOf());
    expect(device.encoder.embedded).toHaveLength(6);
    await requireWhole(
      device.reopen(),
      record.id,
      list.filter(({ id }) => id !== 'r5'),
    );
    await device.reopen().remove(record.id);
    expect(device.files.files.size).toBe(0);
  });

  it('adds to what is there, the new text in the place of the old', async () => {
    const { record } = await importCorpus(request(rivers(3), null), null, device.toolsOf());
    const changed = { id: 'r1', title: 'River 1', text: 'Now a lake.' };
    const files = [rowsFile('more.jsonl', [changed, ...rivers(2, 3)])];
    const outcome = await updateCorpus(record.id, { files, add: true }, device.toolsOf());
    expect(outcome.changes).toEqual({ added: 2, changed: 1, removed: 0, kept: 2 });
    expect(outcome.record.sources).toHaveLength(2);
    const [r0, , r2] = rivers(3);
    if (r0 && r2) await requireWhole(device.reopen(), record.id, [r0, changed, r2, ...rivers(2, 3)]);
  });

  it('leaves the corpus as it was when it fails, and goes on with it later where it can', async () => {
    const { record } = await importCorpus(request(rivers(5)), ENCODER, device.toolsOf());
    device.encoder.failAfter = 0;
    const files = [rowsFile('rivers.jsonl', rivers(8))];
    await expect(updateCorpus(record.id, { files }, device.toolsOf())).rejects.toMatchObject({
      code: 'NETWORK',
    });
    await requireWhole(device.reopen(), record.id, rivers(5));
    device.encoder.failAfter = Infinity;
    const [unfinished] = await device.reopen().unfinished();
    await resumeImport(unfinished?.id ?? '', device.toolsOf());
    await requireWhole(device.reopen(), record.id, rivers(8));
    await expect(updateCorpus(record.id, { files: [], add: false }, device.toolsOf())).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await requireWhole(device.reopen(), record.id, rivers(8));
  });
});

describe('how the files of a corpus were cut', () => {
  const note = (sentences: number) => ({
    path: 'note.md',
    file: new Blob([
      `# Rivers\n\n${Array.from({ length: sentences }, (_, i) => `The river ${i} flows to the sea.`).join(' ')}`,
    ]),
  });
  const chunking = { by: 'sentences', sentences: 2, overlap: 0 } as const;
  const notes = { name: 'Notes', encoder: 'counting', files: [note(8)], chunking };

  it('is recorded, and is how an update cuts: what has not changed is not embedded again', async () => {
    const { record } = await importCorpus(notes, ENCODER, device.toolsOf());
    expect(record).toMatchObject({ passages: 4, chunking });
    const outcome = await updateCorpus(record.id, { files: [note(10)] }, device.toolsOf());
    expect(outcome.changes).toEqual({ added: 1, changed: 0, removed: 0, kept: 4 });
    expect(outcome.record.chunking).toEqual(chunking);
    expect(device.encoder.embedded).toHaveLength(5);
    // What is deleted is not cut.
    const fewer = {
      files: [],
      add: true,
      remove: ['note.md#1'],
      chunking: { by: 'words', words: 20 },
    } as const;
    expect(
      (await updateCorpus(record.id, { ...fewer, files: [] }, device.toolsOf())).record.chunking,
    ).toEqual(chunking);
  });

  it('is the default where nothing was chosen, and what an update chooses from then on', async () => {
    const { record } = await importCorpus(
      { ...notes, chunking: DEFAULT_CHUNKING },
      ENCODER,
      device.toolsOf(),
    );
    expect((await importCorpus(request(rivers(2)), ENCODER, device.toolsOf())).record.chunking).toEqual(
      DEFAULT_CHUNKING,
    );
    const { record: updated } = await updateCorpus(
      record.id,
      { files: [note(8)], chunking },
      device.toolsOf(),
    );
    expect(updated).toMatchObject({ passages: 4, chunking });
    const again = await rebuildIndex(record.id, 'compact', device.toolsOf());
    expect(again.chunking).toEqual(chunking);
  });

  it('is kept through a pause', async () => {
    const pause = new AbortController();
    pause.abort();
    await importCorpus(notes, ENCODER, device.toolsOf(), { pause: pause.signal }).catch(() => undefined);
    const [left] = await device.reopen().unfinished();
    const { record } = await resumeImport(left?.id ?? '', device.toolsOf());
    expect(record).toMatchObject({ passages: 4, chunking });
  });
});
