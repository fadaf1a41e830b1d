import { afterAll, beforeAll, describe, it } from 'vitest';
import { openTestBackend } from '../../../../tests/goldens/open-test-backend';
import { expectTwins, type TwinCase } from '../../../../tests/goldens/twin-backends';
import { trainingOperations } from '../../training-for';
import type { WebGpuBackend, WebGpuBackendOptions } from '../backend';
import type { WeightType } from '../kernels/weight-code';
import type { Tuning } from '../tuning';

const APART: Tuning = {
  ...{ products: 'apart', constantBounds: false, attentionQueries: 4 },
  ...{ f16: false, subgroups: false, broadcast: 0, few: { rows: 2, columns: 2 } },
  ...{ attentionGradient: { each: 0, from: 0 }, splitBelow: 0, sampleBlock: 8192 },
};

interface Shape {
  type: WeightType;
  inputs: number;
  outputs: number;
  accumulate?: boolean;
  outputColumn?: number;
  scale?: number;
}

const SHAPES: Shape[] = [
  { type: 'f32', inputs: 1, outputs: 1 },
  { type: 'f32', inputs: 67, outputs: 5, accumulate: true, outputColumn: 3, scale: -0.5 },
  { type: 'f32', inputs: 4, outputs: 130, scale: 2 },
  { type: 'f16', inputs: 70, outputs: 33 },
  { type: 'q8', inputs: 96, outputs: 19, accumulate: true },
  { type: 'q4', inputs: 160, outputs: 70, outputColumn: 1 },
];
const ROWS = [1, 3, 18, 66];
const maximumRows = Math.max(...ROWS);
const steps = ROWS.map((rows) => ({ rows }));

const inputGradient = ({ type, inputs, outputs, ...options }: Shape, most = maximumRows): TwinCase => ({
  ...{ seed: inputs + outputs, maximumRows: most, steps: steps.filter(({ rows }) => rows <= most) },
  build: ({ backend, rows, random, weight }) => {
    const inputGradientTensor = random('input gradient', most, inputs);
    const operation = trainingOperations(backend).linearInputGradient({
      ...{ rows, inputGradient: inputGradientTensor, ...options },
      outputGradient: random('output gradient', most, outputs + (options.outputColumn ?? 0)),
      weight: weight('weight', type, outputs, inputs),
    });
    return { operation, outputs: [inputGradientTensor] };
  },
});

const weightGradient = ({ inputs, outputs, outputColumn = 0, scale = 1 }: Shape): TwinCase => ({
  ...{ seed: inputs + outputs, maximumRows, steps },
  build: ({ backend, rows, random }) => {
    const gradient = random('weight gradient', outputs, inputs);
    const operation = trainingOperations(backend).linearWeightGradient({
      ...{ rows, weightGradient: gradient, outputColumn, scale },
      input: random('input', maximumRows, inputs),
      outputGradient: random('output gradient', maximumRows, outputs + outputColumn + 2),
    });
    return { operation, outputs: [gradient] };
  },
});

/** Wide enough for it to be used: columns in eights, with a depth that leaves a rest, and both ways round. */
const SPREAD_SHAPES: Shape[] = [
  { type: 'f32', inputs: 40, outputs: 517, accumulate: true, outputColumn: 3, scale: -0.5 },
  { type: 'f32', inputs: 513, outputs: 9, scale: 2 },
  { type: 'f16', inputs: 72, outputs: 514 },
  { type: 'q8', inputs: 576, outputs: 19, accumulate: true },
  { type: 'q4', inputs: 160, outputs: 515, outputColumn: 1 },
  { type: 'q4', inputs: 64, outputs: 512 },
];

const FORMS: [string, Partial<WebGpuBackendOptions>, Shape[]][] = [
  ['each thread on its own', { tuning: APART }, SHAPES],
  ['through workgroup memory', { tuning: { ...APART, products: 'tiled' } }, SHAPES],
];

describe.each(FORMS)('backward products, %s, agree with the CPU', (_, options, shapes) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await openTestBackend(options);
  });
  afterAll(() => backend.dispose());

  const named = shapes.map((shape): [string, Shape] => [JSON.stringify(shape), shape]);
  it.each(named)('the input’s, %s', (_name, shape) => expectTwins(backend, inputGradient(shape)));
  it.each(named.filter(([, { type }]) => type === 'f32'))('the weight’s, %s', (_name, shape) =>
    expectTwins(backend, weightGradient(shape)),
  );
});

/** Compiling takes seconds each, so one width of handing around an adapter is tested, and each kind of product once. */
describe('backward products, elements handed around, agree with the CPU', () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    const opened = await openTestBackend();
    const { smallestSubgroup = 0 } = opened.description;
    opened.dispose();
    backend = await openTestBackend({ tuning: { ...APART, broadcast: smallestSubgroup >= 8 ? 8 : 4 } });
  });
  afterAll(() => backend.dispose());

  it.each(SPREAD_SHAPES)('the input’s, $type [$outputs, $inputs]', (shape) =>
    expectTwins(backend, inputGradient(shape)),
  );
  it.each(SPREAD_SHAPES.slice(0, 2))('the weight’s, [$outputs, $inputs]', (shape) =>
    expectTwins(backend, weightGradient(shape)),
  );
});

it('a weight larger than a binding is taken shard by shard', async () => {
  // 400 rows of 192 bytes are three shards; activations stay whole.
  const backend = await openTestBackend({ tuning: APART, maxBindingBytes: 30_000 });
  await expectTwins(backend, inputGradient({ type: 'f16', inputs: 96, outputs: 400 }, 3));
  backend.dispose();
});
