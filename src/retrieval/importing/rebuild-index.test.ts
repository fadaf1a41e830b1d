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
import type { Progress } from '../../protocol/retrieval';
import { importCorpus, resumeImport } from './import-corpus';
import { rebuildIndex } from './rebuild-index';
import { unfinishedOf } from './unfinished';
import { updateCorpus } from './update-corpus';

const GRAPH = 'Building the graph';
const paused = { code: 'ABORTED', context: { paused: true } };
const list = rivers(700);

let device: ImportDevice;
beforeEach(() => {
  device = new ImportDevice();
});

/** Pauses or stops when so many rows are in the graph. */
function when(done: number) {
  const [pause, stop] = [new AbortController(), new AbortController()];
  const on = (act: () => void) => (progress: Progress) => {
    if (progress.label === GRAPH && progress.done >= done) act();
  };
  const signals = { pause: pause.signal, signal: stop.signal };
  return {
    paused: { ...signals, onProgress: on(() => pause.abort()) },
    stopped: { ...signals, onProgress: on(() => stop.abort()) },
  };
}
const left = async () => (await device.reopen().unfinished()).map(unfinishedOf);
const imported = async (): Promise<string> =>
  (await importCorpus(request(list), ENCODER, device.toolsOf())).record.id;
/** Rows that were added to the graph after it had been gone on with. */
async function resumed(id: string): Promise<number> {
  let first: number | undefined;
  const onProgress = ({ label, done }: Progress): void => void (first ??= label === GRAPH ? done : undefined);
  const { record, refusals } = await resumeImport(id, device.toolsOf(), { onProgress });
  expect(record.index).toBe('hnsw');
  expect(refusals).toEqual([]);
  return list.length - 256 * Math.floor(((first ?? 1) - 1) / 256);
}

describe('a graph over the vectors of a corpus', () => {
  it('is paused with the vectors that it has, and goes on with them', async () => {
    const id = await imported();
    const before = await device.reopen().list();
    const building = rebuildIndex(id, 'hnsw', device.toolsOf(), when(256).paused);
    await expect(building).rejects.toMatchObject(paused);
    expect(await device.reopen().list()).toEqual(before);
    const [unfinished, ...others] = await left();
    expect(others).toEqual([]);
    expect(unfinished).toMatchObject({
      ...{ name: 'Rivers', task: 'index', index: 'hnsw', replaces: id },
      ...{ passages: 700, embedded: 700, graphRows: 256 },
    });
    expect(await resumed(unfinished?.id ?? '')).toBe(700 - 256);
    expect(device.encoder.embedded).toHaveLength(700);
    await requireWhole(device.reopen(), id, list);
    expect(await left()).toEqual([]);
    expect([...device.files.files.keys()].map((path) => path.split('/')[2]).sort()).toEqual([
      ...['bm25.bin', 'graph.usearch', 'passages.idx', 'passages.jsonl', 'vectors.bin'],
    ]);
  });

  it('leaves nothing when it is stopped', async () => {
    const id = await imported();
    const before = [...device.files.files.keys()];
    const building = rebuildIndex(id, 'hnsw', device.toolsOf(), when(256).stopped);
    await expect(building).rejects.toMatchObject({ code: 'ABORTED', context: undefined });
    expect([...device.files.files.keys()]).toEqual(before);
    expect(await left()).toEqual([]);
  });

  it('begins anew over what an update has made of the corpus meanwhile, and ends where it was deleted', async () => {
    const id = await imported();
    await rebuildIndex(id, 'hnsw', device.toolsOf(), when(256).paused).catch(() => undefined);
    const more = rivers(20, 700);
    await updateCorpus(id, { files: [rowsFile('more.jsonl', more)], add: true }, device.toolsOf());
    const [unfinished] = await left();
    const { record } = await resumeImport(unfinished?.id ?? '', device.toolsOf());
    expect(record).toMatchObject({ id, index: 'hnsw', passages: 720 });
    await requireWhole(device.reopen(), id, [...list, ...more]);

    await rebuildIndex(id, 'exact', device.toolsOf());
    await rebuildIndex(id, 'hnsw', device.toolsOf(), when(256).paused).catch(() => undefined);
    const [again] = await left();
    await device.reopen().remove(id);
    const resuming = resumeImport(again?.id ?? '', device.toolsOf());
    await expect(resuming).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(device.files.files.size).toBe(0);
  });

  it('of an import is kept as far as it has come, too', async () => {
    const importing = importCorpus(
      { ...request(list), index: 'hnsw' },
      ENCODER,
      device.toolsOf(),
      when(512).paused,
    );
    await expect(importing).rejects.toMatchObject(paused);
    const [unfinished] = await left();
    expect(unfinished).toMatchObject({ index: 'hnsw', embedded: 700, graphRows: 512 });
    expect(unfinished?.task).toBeUndefined();
    expect(await resumed(unfinished?.id ?? '')).toBe(700 - 512);
    expect(device.encoder.embedded).toHaveLength(700);
  });
});

it('an index that is paused before anything was done goes on as well', async () => {
  const id = await imported();
  const pause = AbortSignal.abort();
  await expect(rebuildIndex(id, 'compact', device.toolsOf(), { pause })).rejects.toMatchObject(paused);
  const [unfinished] = await left();
  expect(unfinished).toMatchObject({ task: 'index', index: 'compact', embedded: 700 });
  const { record } = await resumeImport(unfinished?.id ?? '', device.toolsOf());
  expect(record.index).toBe('compact');
});
