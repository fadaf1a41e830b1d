import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { maxError } from '../../../tests/goldens/ppo-golden';
import { fragileGpu } from '../../../tests/servers/fragile-gpu';
import { SearchTask, VOCABULARY } from '../../../tests/training/search-task';
import { openToy, TOY, toyCheckpoint, toyRun } from '../../../tests/training/toy-model';
import { WebGpuBackend } from '../../gpu/webgpu/backend';
import { openDevice } from '../../gpu/webgpu/device';
import { Random } from '../../lm/random';
import { systemClock } from '../../platform/clock';
import { openNodeGpu } from '../../platform/node/webgpu';
import { MemoryFileStore } from '../../platform/storage/file-store';
import { AppError } from '../../protocol/errors';
import type { RunRecord } from '../records';
import { RunStore } from './run-store';
import type { OpenSession } from './session';
import { someQuestions } from './testing/counting-session';
import { MemoryRecords } from './testing/memory-records';
import { TrainingRun } from './training-run';

const LOSSES = 20;
const STEPS = 5;
// As few different kernels as an update can have: a software adapter compiles them anew for every device.
const model = { ...TOY, num_hidden_layers: 1, vocab_size: VOCABULARY };
const { batch } = toyRun().ppo;
const config = toyRun(
  {
    batch: { ...batch, prompts: 2, miniBatch: 2, actorMicroBatch: 2, criticMicroBatch: 2 },
    run: { epochs: 10, steps: STEPS, saveEvery: 1, saveAt: [] },
  },
  { trained: { kind: 'adapter', rank: 2, alpha: 4, modules: ['q_proj'] }, criticRank: 0 },
);

const fragile = fragileGpu(await openNodeGpu());
/** Submissions until the first device's session was open. */
let opening = 0;

/** The trainer and the engine on a device of their own; what is asked and answered depends on the step alone. */
const open: OpenSession = async () => {
  const opened = await openDevice(fragile.gpu);
  if (!opened) throw new AppError('DEVICE_LOST', 'There is no WebGPU adapter.');
  const { device, description } = opened;
  const backend = new WebGpuBackend(device, { description });
  const toy = await openToy(backend, config, {
    ...{ maxContext: 32, maxTokens: 32, passTokens: 64, slots: 2 },
    files: { config: model, checkpoint: toyCheckpoint(model, 1) },
  }).catch((error: unknown) => {
    backend.dispose();
    throw error;
  });
  opening ||= fragile.submissions(0);
  return {
    ...{ questions: someQuestions(4), trainer: toy.trainer, texts: (tokens) => tokens.map(String) },
    collect: (asked, { step }) => new SearchTask(step).collect(toy.engine, toy.policyAdapter, asked.length),
    ...{ liveBytes: () => backend.liveBytes, weightBytes: 0, plannedBytes: 0 },
    ...{ device: 'webgpu', deviceName: description.name },
    dispose: () => {
      toy.dispose();
      backend.dispose();
      return Promise.resolve();
    },
  };
};

async function newRun(): Promise<{ store: RunStore; train: () => Promise<RunRecord>; notices: string[] }> {
  const store = new RunStore({
    ...{ records: new MemoryRecords(), files: new MemoryFileStore(), folder: (run) => `runs/${run}` },
    ...{ now: () => 'now', newId: () => 'run' },
    sha256: (bytes) => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
  });
  await store.create(config);
  const notices: string[] = [];
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const train = (): Promise<RunRecord> =>
    new TrainingRun({
      ...{ run: 'run', store, open, clock, now: () => 'now' },
      emit: (event) => event.type === 'notice' && notices.push(event.message),
    }).train();
  return { store, train, notices };
}

const valuesOf = async (store: RunStore) => (await store.load('run'))!.content.state.tensors;

test(`a device that is destroyed ${LOSSES} times, anywhere in a run, leaves it with the course of an undisturbed one`, async () => {
  const straight = await newRun();
  expect(await straight.train()).toMatchObject({ status: 'finished', step: STEPS });
  const aStep = (fragile.submissions(0) - opening) / STEPS;
  expect(aStep).toBeGreaterThan(10);

  const random = new Random(11);
  for (let device = 1; device <= LOSSES; device += 1) {
    // While its weights are loaded; else from the first submission of all to within the second step: few get a step done.
    const early = device % 2 === 0;
    fragile.loseAt(device, early ? 0 : 1 + Math.floor(random.uniform() * (opening + 1.3 * aStep)));
  }
  const shaken = await newRun();
  let stops = 0;
  for (;;) {
    const record = await shaken.train();
    if (record.status === 'finished') break;
    // Lost too often in a row: it stops, says why, and its checkpoint can be read; the next pass of this loop resumes it.
    expect(record).toMatchObject({ status: 'failed', error: { code: 'DEVICE_LOST', recoverable: true } });
    const loaded = await shaken.store.load('run');
    expect(loaded?.damaged ?? []).toEqual([]);
    // A loss after a step's record and before its checkpoint: that step is made again.
    expect(record.step - (loaded?.content.step ?? 0)).toBeLessThanOrEqual(1);
    stops += 1;
    expect(stops).toBeLessThanOrEqual(LOSSES);
  }
  const lost = shaken.notices.filter((notice) => notice.includes('device was lost')).length + stops;
  expect(lost).toBe(LOSSES);
  expect(fragile.devices).toHaveLength(LOSSES + 2);
  const [want, got] = [await valuesOf(straight.store), await valuesOf(shaken.store)];
  want.forEach(({ name, values }, i) => {
    expect(maxError(got[i]!.values, values), name).toBeLessThan(1e-5);
  });
}, 600_000);
