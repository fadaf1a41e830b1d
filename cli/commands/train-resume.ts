import { defineCommand, UsageError, wholeNumber } from '../command';
import { runFolder, trainInFolder } from './train-run';

export const trainResume = defineCommand({
  name: 'train resume',
  positionals: 'RUN',
  count: [1, 1],
  summary: 'Goes on with a run from its last checkpoint.',
  options: {
    steps: { type: 'string', value: 'N', help: 'steps of the whole run, instead of what it began with' },
  },
  async run({ steps }, [path], console) {
    if (path === undefined) throw new UsageError('`s3 train resume` takes the folder of a run.');
    const target = runFolder(path);
    const record = await target.store.get(target.run);
    console.note(`Run ${target.folder}, ${record.step} steps done`);
    if (steps !== undefined) {
      const wanted = wholeNumber('steps', steps, 1, 1);
      await target.store.update(target.run, (run) => ({
        ...run,
        config: {
          ...run.config,
          ppo: { ...run.config.ppo, run: { ...run.config.ppo.run, steps: wanted } },
        },
      }));
    }
    await trainInFolder(target, console);
  },
});
