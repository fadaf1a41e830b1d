import { afterAll, beforeAll, expect, it } from 'vitest';
import { maxError } from '../../../tests/goldens/ppo-golden';
import { openTrunk } from '../../../tests/goldens/training-suite';
import { CpuBackend } from '../../gpu/cpu/backend';
import { AdamW } from '../optimiser';
import { packBatch, packSequences } from './batch';
import { readParameters, WeightParameters } from './parameters';
import { PolicyModel, targetsOf } from './policy-model';
import type { TrainingTrunk } from './trunk';

const sequences = [
  [5, 3, 40, 7],
  [3, 100, 2],
  [9, 9, 9, 1, 77],
  [60, 2],
];
const backend = new CpuBackend();
let trunk: TrainingTrunk;
let close: () => void;
let weights: WeightParameters;
let model: PolicyModel;
let optimiser: AdamW;

beforeAll(async () => {
  const sizes = { rows: 16, sequences: 4, capacity: 8, headRows: 3 };
  const opened = await openTrunk(backend, 'qwen2-tiny', sizes);
  trunk = opened.trunk;
  close = opened.dispose;
  weights = new WeightParameters(backend, trunk.weights);
  model = new PolicyModel(trunk, { weights });
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, gradientClip: 1 };
  optimiser = new AdamW(backend, trunk.train, weights.parameters, options);
});

afterAll(() => {
  for (const item of [optimiser, weights]) item.dispose();
  close();
  expect(backend.liveBytes).toBe(0);
});

async function gradientsOf(parts: readonly number[][][]): Promise<Float32Array[]> {
  await optimiser.clearGradients();
  for (const part of parts) {
    const batch = packSequences(part);
    const targets = targetsOf(batch, () => true);
    await model.accumulate(batch, targets, () => ({ logProbs: targets.rows.map(() => 1) }));
  }
  return readParameters(backend, weights.parameters, 'gradient');
}

it('four sequences one by one give the gradient of the four together', async () => {
  const together = await gradientsOf([sequences]);
  const apart = await gradientsOf(sequences.map((sequence) => [sequence]));
  together.forEach((want, i) => {
    const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(maxError(apart[i]!, want) / largest, weights.parameters[i]!.name).toBeLessThan(1e-5);
  });
});

it('layers that keep what they computed give the very gradient of layers that compute it again', async () => {
  const again = await gradientsOf([sequences]);
  const sizes = { rows: 16, sequences: 4, capacity: 8, headRows: 3, keepLayers: true };
  const opened = await openTrunk(backend, 'qwen2-tiny', sizes);
  const own = new WeightParameters(backend, opened.trunk.weights);
  const kept = new PolicyModel(opened.trunk, { weights: own });
  const batch = packSequences(sequences);
  const targets = targetsOf(batch, () => true);
  await kept.accumulate(batch, targets, () => ({ logProbs: targets.rows.map(() => 1) }));
  expect(await readParameters(backend, own.parameters, 'gradient')).toEqual(again);
  own.dispose();
  opened.dispose();
});

it('padding, on whichever side, changes nothing', async () => {
  const padded = packBatch([0, 5, 3, 40, 7, 3, 100, 2, 0, 0], [0, 1, 1, 1, 1, 1, 1, 1, 0, 0], 5);
  const plain = packSequences(sequences.slice(0, 2));
  expect(padded.table).toEqual(plain.table);
  const [a, b] = [targetsOf(padded, () => true), targetsOf(plain, () => true)];
  expect([a.rows, a.tokens]).toEqual([b.rows, b.tokens]);
  const outputs = await model.evaluate(padded, a);
  expect(outputs).toEqual(await model.evaluate(plain, b));
});

it('goes on from a saved state exactly as if it had not stopped', async () => {
  const update = async (by: AdamW): Promise<void> => {
    await gradientsOf([sequences]);
    await by.step(1e-3);
  };
  const values = (): Promise<Float32Array[]> => readParameters(backend, weights.parameters, 'value');
  await update(optimiser);
  const [saved, state] = [await values(), await optimiser.read()];
  await update(optimiser);
  const straight = await values();
  weights.parameters.forEach(({ value }, i) => backend.write(value, saved[i]!));
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, gradientClip: 1 };
  const resumed = new AdamW(backend, trunk.train, weights.parameters, options);
  resumed.restore(state);
  await update(resumed);
  expect(await values()).toEqual(straight);
  expect(resumed.updates).toBe(optimiser.updates);
  resumed.dispose();
});

it('stops at a gradient that is not a number, names it, and changes nothing', async () => {
  await gradientsOf([sequences]);
  const parameter = weights.parameters[3]!;
  backend.write(parameter.gradient, Float32Array.of(NaN), 1);
  const before = await readParameters(backend, weights.parameters, 'value');
  await expect(optimiser.step(1e-3)).rejects.toThrow(`the gradient of ${parameter.name} is not a number`);
  expect(await readParameters(backend, weights.parameters, 'value')).toEqual(before);
});

it('refuses a micro-batch that does not fit, in words', async () => {
  const batch = packSequences([[1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  await expect(
    model.evaluate(
      batch,
      targetsOf(batch, () => true),
    ),
  ).rejects.toMatchObject({
    code: 'CONTEXT_TOO_LONG',
  });
});

it('stops where it is told to', async () => {
  const batch = packSequences(sequences);
  await expect(
    model.evaluate(
      batch,
      targetsOf(batch, () => true),
      AbortSignal.abort(),
    ),
  ).rejects.toMatchObject({ code: 'ABORTED' });
});
