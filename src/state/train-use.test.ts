import { expect, it, vi } from 'vitest';
import { tarArchive } from '../platform/storage/model-tar';
import { defaultRunConfig } from '../train/runs/default-config';
import type { RunExport } from '../train/worker-api';
import { createScriptedLaboratory } from './scripted-laboratory';
import { TrainedModels } from './trained-models';
import { useCheckpoint } from './train-use';

const archive = (): RunExport => {
  const files = [{ path: 'config.json', bytes: 2, pieces: [new Blob(['{}'])] }];
  return { name: 'run.tar', blob: tarArchive('run', files, 0), files: [] };
};

it.each([
  ['small-gpu', 'demo'],
  ['search-r1', 'search-r1'],
  ['deepretrieval', 'deepretrieval'],
] as const)(
  'a checkpoint of a %s run is known as one that learned that protocol',
  async (preset, learned) => {
    const laboratory = createScriptedLaboratory({ training: { paceMs: 0 } });
    const kept = new Map<string, string>();
    laboratory.trained = new TrainedModels({
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
    });
    vi.spyOn(laboratory.training, 'exportRun').mockResolvedValue(archive());
    const run = await laboratory.training.createRun(defaultRunConfig(preset));
    const { signal } = new AbortController();
    const id = await useCheckpoint(laboratory, run, 2, () => undefined, signal);
    const stored = (await laboratory.library.listModels()).map((model) => model.id);
    expect(stored).toContain(id);
    const [option] = laboratory.trained.known([{ id }]);
    expect(option).toEqual({
      ...{ id, trainedFor: learned },
      search: { promptStyle: 'compact', documentsPerQuery: 5 },
    });
  },
);
