import { afterAll, expect, test } from 'vitest';
import { startTrainingWorker } from '../../src/platform/browser/start-worker';
import { connect } from '../../src/platform/rpc/connection';
import { remoteTraining } from '../../src/state/train-remote';
import { defaultRunConfig } from '../../src/train/runs/default-config';
import type { RunEvent, TrainingApi } from '../../src/train/worker-api';

const connection = connect<TrainingApi>(startTrainingWorker());
const training = remoteTraining(() => connection);

afterAll(() => connection.close());

/** The demo, as small as it trains at all. */
function smallConfig() {
  const config = defaultRunConfig('small-gpu');
  config.name = 'A small run';
  config.device = 'cpu';
  config.questions.limit = 6;
  config.retrieval = 'bm25';
  config.reward = { kind: 'gain-beyond-rag', form: 'paper', accuracy: 'em' };
  config.agent = { ...config.agent, maxTurns: 1, generatorMaxTokens: 20 };
  config.ppo.batch = { ...config.ppo.batch, prompts: 2, miniBatch: 2 };
  config.ppo.lengths = { start: 700, prompt: 1500, response: 40, observation: 400 };
  config.ppo.run = { epochs: 10, steps: 2, saveEvery: 1, saveAt: [] };
  return config;
}

test('a run is made, trained, kept, forked, exported and brought in again, all in its worker', async () => {
  const sets = await training.listQuestionSets();
  expect(sets.find(({ id }) => id === 'demo-train')?.questions).toBeGreaterThan(1000);
  const { id } = await training.createRun(smallConfig());
  const events: RunEvent[] = [];
  const watching = new AbortController();
  const watched = training.watch(id, (event) => void events.push(event), watching.signal);
  await training.start(id);
  await expect(training.deleteRun(id)).rejects.toMatchObject({ code: 'BUSY' });
  await expect.poll(async () => (await training.getRun(id)).status, { timeout: 200_000 }).toBe('finished');

  const run = await training.getRun(id);
  expect(run).toMatchObject({ step: 2, owner: 'none', interrupted: false });
  expect(run.checkpoints.map((c) => c.step)).toEqual([1, 2]);
  expect((await training.steps(id)).map((s) => s.step)).toEqual([1, 2]);
  const step = await training.step(id, 2);
  expect(step.rollouts[0]?.tokens.some(({ action }) => action)).toBe(true);
  expect(events.filter((e) => e.type === 'step')).toHaveLength(2);
  const counts = await training.filterCounts(run.config);
  expect(counts).toMatchObject({ total: 6, unknown: 0 });
  expect(counts.solved + counts.left).toBe(6);

  const peft = await training.exportRun(id, 'peft');
  expect(peft.files.map((file) => file.path)).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  const whole = await training.exportRun(id, 'run');
  const brought = await training.importRun(whole.blob);
  expect(brought.id).not.toBe(id);
  expect(brought.checkpoints.map((c) => c.sha256)).toEqual(run.checkpoints.map((c) => c.sha256));
  const fork = await training.fork(id, 1, { ...run.config, name: 'Another way' });
  expect(fork).toMatchObject({ step: 1, parent: { run: id, step: 1 } });

  for (const one of [id, brought.id, fork.id]) await training.deleteRun(one);
  expect(await training.listRuns()).toEqual([]);
  watching.abort();
  await watched;
}, 300_000);
