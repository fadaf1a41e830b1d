import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../src/protocol/errors';
import { slugOf } from '../../src/protocol/model-ids';
import type { RunConfig } from '../../src/train/records';
import { defaultRunConfig, isPreset, PRESET_NAMES } from '../../src/train/runs/default-config';
import { deviceOption, readDevice } from '../backend';
import { defineCommand, UsageError, wholeNumber } from '../command';
import { cacheFile, readRagCache } from './train-baselines';
import { readRunConfig } from './train-config';
import { runFolder, trainInFolder } from './train-run';

export const train = defineCommand({
  name: 'train',
  positionals: '[CONFIG]',
  count: [0, 1],
  summary:
    'Trains a searcher by PPO. CONFIG is a JSON file, or a preset: the whole of what a preset fixes is printed by --print-config. Its corpus may be pubmed (with NCBI_API_KEY in the environment, if you have one) or clinical-trials.',
  options: {
    out: { type: 'string', value: 'DIR', help: 'folder of the new run; default runs/NAME' },
    device: deviceOption,
    steps: { type: 'string', value: 'N', help: 'instead of what the configuration says' },
    cache: {
      type: 'string',
      value: 'FILE',
      help: 'a rag_cache.json: what plain RAG answers, as `s3 precompute` writes it',
    },
    'print-config': {
      type: 'string',
      value: 'PRESET',
      help: `print the configuration of a preset: ${PRESET_NAMES.join(', ')}`,
    },
  },
  async run({ out, device, steps, cache, 'print-config': print }, [reference], console) {
    if (print !== undefined) {
      if (reference !== undefined) throw new UsageError('--print-config takes no CONFIG.');
      console.out(JSON.stringify(presetConfig(print), null, 2));
      return;
    }
    if (reference === undefined) throw new UsageError('`s3 train` takes a CONFIG.');
    const config = await readRunConfig(reference);
    if (device !== undefined) config.device = readDevice(device);
    if (steps !== undefined) config.ppo.run.steps = wholeNumber('steps', steps, 1, 1);
    const target = runFolder(out ?? `runs/${slugOf(config.name)}`);
    const before = await target.store.get(target.run).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
    if (before) {
      throw new AppError('BAD_INPUT', `There is a run in ${target.folder} already.`, {
        fix: `Go on with it: s3 train resume ${target.folder}. Or choose another --out.`,
      });
    }
    // Refused now rather than when the models are loaded.
    const known = cache === undefined ? undefined : await readRagCache(cache, 'must be there');
    await target.store.create(config, undefined, target.run);
    if (known) await writeFile(join(target.folder, cacheFile), known.toText());
    console.note(`Run ${target.folder}`);
    await trainInFolder(target, console);
  },
});

function presetConfig(name: string): RunConfig {
  if (isPreset(name)) return defaultRunConfig(name);
  throw new UsageError(`There is no preset "${name}"; there are ${PRESET_NAMES.join(', ')}.`);
}
