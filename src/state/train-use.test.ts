import { expect, it, vi } from 'vitest';
import { tarArchive } from '../platform/storage/model-tar';
import { defaultRunConfig } from '../train/runs/default-config';
import type { CheckpointInfo } from '../train/records';
import type { ListedRun, RunExport } from '../train/worker-api';
import { createScriptedLaboratory } from './scripted-laboratory';
import { TrainedModels } from './trained-models';
import { useCheckpoint } from './train-use';

const archive = (): RunExport => {
  const files = [{ path: 'config.json', bytes: 2, pieces: [new Blob(['{}'])] }];
  return { name: 'run.tar', blob: tarArchive('run', files, 0), files: [] };
};

function open() {
  const laboratory = createScriptedLaboratory({ training: { paceMs: 0 } });
  const kept = new Map<string, string>();
  laboratory.trained = new TrainedModels({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  });
  const exported = vi
    .spyOn(laboratory.training, 'exportRun')
    .mockImplementation(() => Promise.resolve(archive()));
  const use = (run: ListedRun, step: number): Promise<string> =>
    useCheckpoint(laboratory, run, step, () => undefined, new AbortController().signal);
  return { laboratory, exported, use };
}

const at = (step: number, sha256: string): CheckpointInfo => ({
  ...{ step, sha256, at: '2026-11-21T10:00:00Z', bytes: 1, kept: true },
});

it('a checkpoint that is a model already is taken again; one of another run of that name gets its own', async () => {
  const { laboratory, exported, use } = open();
  const run = { ...(await laboratory.training.createRun(defaultRunConfig())), checkpoints: [at(2, 'aa')] };
  const id = await use(run, 2);
  expect(await use(run, 2)).toBe(id);
  expect(exported).toHaveBeenCalledTimes(1);
  const other = await use({ ...run, checkpoints: [at(2, 'bb')] }, 2);
  expect(other).not.toBe(id);
  // Deleted in the meantime: made anew.
  await laboratory.library.deleteModel(id);
  await use(run, 2);
  expect(exported).toHaveBeenCalledTimes(3);
});

it.each([
  ['small-gpu', 'demo'],
  ['search-r1', 'search-r1'],
  ['deepretrieval', 'deepretrieval'],
] as const)(
  'a checkpoint of a %s run is known as one that learned that protocol',
  async (preset, learned) => {
    const { laboratory, use } = open();
    const run = await laboratory.training.createRun(defaultRunConfig(preset));
    const id = await use(run, 2);
    const stored = (await laboratory.library.listModels()).map((model) => model.id);
    expect(stored).toContain(id);
    const [option] = laboratory.trained.known([{ id }]);
    expect(option).toEqual({
      ...{ id, trainedFor: learned },
      search: { promptStyle: 'compact', documentsPerQuery: 5 },
    });
  },
);
