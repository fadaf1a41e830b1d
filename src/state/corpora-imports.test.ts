import { describe, expect, it } from 'vitest';
import type { UnfinishedImport } from '../protocol/corpus';
import { AppError } from '../protocol/errors';
import { Corpora } from './corpora.svelte';
import type { CorpusLibrary, CorpusLinks } from './laboratory';
import { createScriptedLaboratory } from './scripted-laboratory';

const left: UnfinishedImport = {
  ...{ id: 'left', name: 'Lamps', startedAt: '', passages: 9, embedded: 3, encoder: 'demo' },
};

function corporaOver(library: Partial<CorpusLibrary>): Corpora {
  const laboratory = createScriptedLaboratory({ paceMs: 0 });
  return new Corpora({ ...laboratory, corpora: { ...laboratory.corpora, ...library } });
}
const cut = (): Promise<never> => Promise.reject(new AppError('NETWORK', 'Cut.', { recoverable: true }));
const request = { name: 'Lamps', files: [], encoder: 'demo' };

describe('an import that failed', () => {
  it('goes on with what it left when it is tried again, and reads no file anew', async () => {
    const asked: string[] = [];
    let kept: UnfinishedImport[] = [];
    const corpora = corporaOver({
      import: () => {
        asked.push('import');
        kept = [left];
        return cut();
      },
      unfinished: () => Promise.resolve(kept),
      resume: async (id) => {
        asked.push(`resume ${id}`);
        kept = [];
        const [entry] = await createScriptedLaboratory().corpora.list();
        if (!entry) throw new Error('the demo is missing');
        return { entry, refusals: [] };
      },
    });
    await corpora.import(request);
    expect(corpora.unfinished).toEqual([left]);
    // It stands with its error alone, until that is dismissed.
    expect(corpora.jobs.list.map((job) => corpora.leftOf(job))).toEqual([left]);
    expect(corpora.unfinishedAlone).toEqual([]);
    await corpora.jobs.retry(corpora.jobs.list[0]?.id ?? 0);
    expect(asked).toEqual(['import', 'resume left']);
    expect(corpora.unfinished).toEqual([]);
    expect(corpora.jobs.list).toMatchObject([{ status: 'done', task: 'import', resumed: true }]);
  });

  it('leaves it among the unfinished when its error is dismissed, where others stand all along', async () => {
    const other = { ...left, id: 'other', replaces: 'demo' };
    const corpora = corporaOver({ import: cut, unfinished: () => Promise.resolve([other, left]) });
    await corpora.import(request);
    expect(corpora.unfinishedAlone).toEqual([other]);
    corpora.jobs.dismiss(corpora.jobs.list[0]?.id ?? 0);
    expect(corpora.unfinishedAlone).toEqual([other, left]);
  });

  it('is told from an update and from a new index of the same corpus', async () => {
    const [entry] = await createScriptedLaboratory().corpora.list();
    if (!entry) throw new Error('the demo is missing');
    const update = { ...left, id: 'update', replaces: entry.id };
    const index: UnfinishedImport = { ...update, id: 'index', task: 'index', index: 'hnsw' };
    const resumed: string[] = [];
    const corpora = corporaOver({
      ...{ update: cut, buildIndex: cut },
      unfinished: () => Promise.resolve([update, left, index]),
      resume: (id) => Promise.resolve(resumed.push(id)).then(() => ({ entry, refusals: [] })),
    });
    await corpora.bringUpToDate(entry, { files: [], add: true });
    await corpora.changeIndex(entry, 'hnsw');
    expect(corpora.jobs.list.map((job) => corpora.leftOf(job)?.id)).toEqual(['update', 'index']);
    expect(corpora.unfinishedAlone).toEqual([left]);
    for (const { id } of corpora.jobs.list) await corpora.jobs.retry(id);
    expect(resumed).toEqual(['update', 'index']);
    expect(corpora.jobs.list).toMatchObject([
      { status: 'done', task: 'update', resumed: true },
      { status: 'done', task: 'index', resumed: true },
    ]);
  });

  it('begins anew where it left nothing', async () => {
    let times = 0;
    const corpora = corporaOver({
      import: () => {
        times++;
        return cut();
      },
    });
    await corpora.import(request);
    await corpora.jobs.retry(corpora.jobs.list[0]?.id ?? 0);
    expect(times).toBe(2);
  });
});

describe('a corpus that is packed', () => {
  it('is a job like others: with its progress against what it takes, cancelled by its signal', async () => {
    const laboratory = createScriptedLaboratory({ paceMs: 0 });
    const [entry] = await laboratory.corpora.list();
    if (!entry) throw new Error('the demo is missing');
    const archive = new Blob(['packed']);
    const links: CorpusLinks = {
      ...laboratory.corpora.links,
      export: (_id, onProgress, signal) =>
        new Promise((resolve, reject) => {
          onProgress({ done: 10, total: 10, unit: 'bytes', label: 'passages.jsonl' });
          signal.addEventListener('abort', () => reject(new AppError('ABORTED', 'Stopped.')));
          setTimeout(() => resolve(archive));
        }),
    };
    const corpora = corporaOver({ links });
    const saved: Blob[] = [];
    const save = (file: Blob): void => void saved.push(file);
    const packing = corpora.export({ ...entry, bytes: 100 }, save);
    expect(corpora.jobs.list).toMatchObject([
      { task: 'export', status: 'running', measured: { done: 10, total: 100, fraction: 0.1 } },
    ]);
    await packing;
    expect(saved).toEqual([archive]);
    const stopped = corpora.export(entry, save);
    corpora.jobs.cancel(corpora.jobs.list[1]?.id ?? 0);
    await stopped;
    expect(corpora.jobs.list).toMatchObject([{ status: 'done' }, { status: 'cancelled' }]);
    expect(saved).toHaveLength(1);
  });
});
