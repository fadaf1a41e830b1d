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

it('a weight larger than a binding is taken shard by shard', async () => {
  // 400 rows of 192 bytes are three shards; activations stay whole.
  const backend = await openTestBackend({ tuning: APART, maxBindingBytes: 30_000 });
  await expectTwins(backend, inputGradient({ type: 'f16', inputs: 96, outputs: 400 }, 3));
  backend.dispose();
});
