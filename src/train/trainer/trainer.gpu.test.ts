import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestBackend, openTestDevice } from '../../../tests/goldens/open-test-backend';
import { maxError } from '../../../tests/goldens/ppo-golden';
import { madeRollouts, openToy, TOY, toyCheckpoint, toyRun } from '../../../tests/training/toy-model';
import type { Backend } from '../../gpu/backend';
import { CpuBackend } from '../../gpu/cpu/backend';
import { WebGpuBackend } from '../../gpu/webgpu/backend';
import { parseModelConfig } from '../../lm/config';
import type { PpoConfig } from '../ppo/config';
import { planTrainingMemory } from './plan-memory';
import type { RunConfig, StepMetrics, TrainerState } from '../records';

const STEPS = 20;
// Few shapes and one layer: a software adapter compiles a pipeline for each shape, and computes slowly.
const model = { ...TOY, num_hidden_layers: 1 };
const run: Partial<RunConfig> = {
  trained: { kind: 'adapter', rank: 4, alpha: 8, modules: ['q_proj'] },
  criticRank: 4,
};
const options = {
  ...{ maxContext: 32, maxTokens: 32, passTokens: 64, slots: 1 },
  files: { config: model, checkpoint: toyCheckpoint(model, 1) },
};
const { batch } = toyRun().ppo;
const ppo: Partial<PpoConfig> = {
  batch: { ...batch, prompts: 4, miniBatch: 4 },
  actor: { learningRate: 1e-3, warmUpSteps: 0 },
  critic: { learningRate: 1e-3, warmUpSteps: 0 },
};

/** One for all, so that its pipelines are made once. */
let gpu: Backend;
beforeAll(async () => {
  gpu = await openTestBackend();
});
afterAll(() => {
  expect(gpu.liveBytes).toBe(0);
  gpu.dispose();
});

async function course(backend: Backend): Promise<{ metrics: StepMetrics[]; state: TrainerState }> {
  const { trainer, dispose } = await openToy(backend, toyRun(ppo, run), options);
  const plan = planTrainingMemory({
    ...{ model: parseModelConfig(model), config: toyRun(ppo, run), device: backend.description.kind },
    ...{ preferredRows: backend.preferredRows, ...options },
  });
  const metrics: StepMetrics[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    metrics.push((await trainer.step(madeRollouts(4, 100 + step))).metrics);
  }
  const state = await trainer.read();
  // After the steps, with all that kernels have allocated for themselves.
  expect(Math.abs(trainer.liveBytes / plan.total - 1)).toBeLessThan(0.1);
  dispose();
  expect(backend.liveBytes).toBe(0);
  return { metrics, state };
}

it(`${STEPS} steps take the same course on the GPU and the CPU`, async () => {
  const want = await course(new CpuBackend());
  const got = await course(gpu);
  const of = (all: StepMetrics[], name: 'policyLoss' | 'valueLoss' | 'entropy' | 'referenceKl'): number[] =>
    all.map((metrics) => metrics[name]!);
  for (const name of ['policyLoss', 'valueLoss', 'entropy', 'referenceKl'] as const) {
    expect(maxError(of(got.metrics, name), of(want.metrics, name)), name).toBeLessThan(2e-3);
  }
  // Of the parameters all but few are within a fraction of what a step moves them; see the goldens' README.
  const rate = 1e-3;
  const errors = want.state.tensors
    .filter(({ name }) => !name.endsWith('_moment'))
    .flatMap(({ values }, i) => {
      const other = got.state.tensors.filter(({ name }) => !name.endsWith('_moment'))[i]!.values;
      return [...values].map((value, k) => Math.abs(value - other[k]!));
    });
  expect(errors.filter((error) => error < rate / 2).length / errors.length).toBeGreaterThan(0.97);
  expect(Math.max(...errors)).toBeLessThan(2 * rate * 2 * STEPS);
}, 300_000);

it('a device that goes away in the middle of a step is told, and another one goes on from the checkpoint', async () => {
  const config = toyRun(ppo, run);
  const straight = await openToy(gpu, config, options);
  await straight.trainer.step(madeRollouts(4, 1));
  const checkpoint = structuredClone(await straight.trainer.read());
  const want = await straight.trainer.step(madeRollouts(4, 2));
  const after = await straight.trainer.read();
  straight.dispose();

  const { device, description } = await openTestDevice();
  const lost = new WebGpuBackend(device, { description });
  const broken = await openToy(lost, config, options);
  await broken.trainer.restore(checkpoint);
  const step = broken.trainer.step(madeRollouts(4, 2), {
    onProgress: ({ phase, done }) => phase === 'actor' && done === 0 && device.destroy(),
  });
  await expect(step).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  await expect(broken.trainer.step(madeRollouts(4, 2))).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  await expect(broken.trainer.publish()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  broken.dispose();
  lost.dispose();

  const fresh = await openToy(gpu, config, options);
  await fresh.trainer.restore(checkpoint);
  await fresh.trainer.publish();
  const got = await fresh.trainer.step(madeRollouts(4, 2));
  expect(got.metrics.entropy).toBeCloseTo(want.metrics.entropy!, 6);
  expect(got.metrics.valueLoss).toBeCloseTo(want.metrics.valueLoss!, 6);
  (await fresh.trainer.read()).tensors.forEach(({ name, values }, i) =>
    expect(maxError(values, after.tensors[i]!.values), name).toBeLessThan(1e-5),
  );
  fresh.dispose();
}, 300_000);
