import { expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { maxError } from '../../../tests/goldens/ppo-golden';
import { openTrunk } from '../../../tests/goldens/training-suite';
import type { Backend } from '../../gpu/backend';
import { CpuBackend } from '../../gpu/cpu/backend';
import { LORA_MODULES, moduleShape } from '../../lm/lora/modules';
import { Random } from '../../lm/random';
import { AdamW } from '../optimiser';
import { packSequences } from './batch';
import { AdapterParameters } from './parameters';
import { PolicyModel, targetsOf } from './policy-model';

const STEPS = 20;

/** Losses of an adapter that learns two sequences by heart. */
async function lossesOn(backend: Backend): Promise<number[]> {
  const sizes = { rows: 8, sequences: 2, capacity: 8, headRows: 4 };
  const { trunk, dispose } = await openTrunk(backend, 'qwen2-tiny', sizes);
  const random = new Random(7);
  const values = (count: number, size: number): Float32Array =>
    Float32Array.from({ length: count }, () => (random.uniform() - 0.5) * size);
  const pairs = LORA_MODULES.map((module) => {
    const { inputs, outputs } = moduleShape(trunk.config, module);
    return {
      ...{ layer: 1, module, rank: 4, alpha: 8 },
      ...{ down: values(4 * inputs, 0.3), up: values(4 * outputs, 0.05) },
    };
  });
  const lora = { rankStabilised: false, baseModel: undefined, pairs };
  const adapter = new AdapterParameters(backend, trunk.config, lora);
  const model = new PolicyModel(trunk, { adapter });
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, gradientClip: 1 };
  const optimiser = new AdamW(backend, trunk.train, adapter.parameters, options);
  await backend.ready();
  const batch = packSequences([
    [5, 3, 40, 7],
    [3, 100, 2, 9],
  ]);
  const targets = targetsOf(batch, () => true);
  const slope = -1 / targets.rows.length;
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    await optimiser.clearGradients();
    const { logProbs } = await model.accumulate(batch, targets, () => ({
      logProbs: new Float32Array(targets.rows.length).fill(slope),
    }));
    losses.push(logProbs.reduce((sum, value) => sum + slope * value, 0));
    await optimiser.step(1e-2);
  }
  for (const item of [optimiser, adapter]) item.dispose();
  dispose();
  expect(backend.liveBytes).toBe(0);
  return losses;
}

it(`${STEPS} updates take the same course on the GPU and the CPU, downwards`, async () => {
  const want = await lossesOn(new CpuBackend());
  const gpu = await openTestBackend();
  const got = await lossesOn(gpu);
  gpu.dispose();
  expect(maxError(got, want)).toBeLessThan(1e-3);
  expect(got.at(-1)).toBeLessThan(0.5 * got[0]!);
});
