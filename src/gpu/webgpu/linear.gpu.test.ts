import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { expectTwins, type TwinCase } from '../../../tests/goldens/twin-backends';
import type { WebGpuBackend } from './backend';
import type { Tuning } from './tuning';

const APART: Tuning = { products: 'apart', constantBounds: false, attentionQueries: 4 };
const TILED: Tuning = { products: 'tiled', constantBounds: false, attentionQueries: 8 };

/** Row counts on both sides of every switch between forms, and past one tile. */
const ROWS = [1, 2, 3, 16, 17, 64, 67];
const MAXIMUM_ROWS = Math.max(...ROWS);

interface Shape {
  inputs: number;
  outputs: number;
  norm: boolean;
  bias: boolean;
  accumulate: boolean;
}

const edges: Shape[] = [
  { inputs: 1, outputs: 1, norm: true, bias: true, accumulate: false },
  { inputs: 4, outputs: 3, norm: false, bias: false, accumulate: true },
  { inputs: 257, outputs: 131, norm: true, bias: true, accumulate: true },
  { inputs: 64, outputs: 320, norm: true, bias: true, accumulate: false },
  { inputs: 516, outputs: 68, norm: false, bias: true, accumulate: true },
];

const generated = (count: number): Shape[] =>
  fc.sample(
    fc.record({
      inputs: fc.integer({ min: 1, max: 300 }),
      outputs: fc.integer({ min: 1, max: 300 }),
      ...{ norm: fc.boolean(), bias: fc.boolean(), accumulate: fc.boolean() },
    }),
    { numRuns: count, seed: 11 },
  );

const linear = ({ inputs, outputs, norm, bias, accumulate }: Shape, seed: number): TwinCase => ({
  seed,
  maximumRows: MAXIMUM_ROWS,
  build: ({ backend, rows, random }) => {
    const output = random('output', MAXIMUM_ROWS, outputs);
    const operation = backend.operations.linear({
      ...{ rows, output, accumulate },
      input: random('input', MAXIMUM_ROWS, inputs),
      weight: random('weight', outputs, inputs),
      ...(norm && { norm: { weight: random('norm', inputs), epsilon: 1e-3 } }),
      ...(bias && { bias: random('bias', outputs) }),
    });
    return { operation, outputs: [output] };
  },
  steps: ROWS.map((rows) => ({ rows })),
});

const gated = ({ inputs, outputs, norm }: Shape, seed: number): TwinCase => ({
  seed,
  maximumRows: MAXIMUM_ROWS,
  build: ({ backend, rows, random }) => {
    const output = random('output', MAXIMUM_ROWS, outputs);
    const operation = backend.operations.gatedLinear({
      ...{ rows, output },
      input: random('input', MAXIMUM_ROWS, inputs),
      weight: random('weight', 2 * outputs, inputs),
      ...(norm && { norm: { weight: random('norm', inputs), epsilon: 1e-3 } }),
    });
    return { operation, outputs: [output] };
  },
  steps: ROWS.map((rows) => ({ rows })),
});

const describeShape = (shape: Shape): string => JSON.stringify(shape).replaceAll('"', '');

describe.each([
  { name: 'each thread on its own', tuning: APART, count: 6 },
  { name: 'through workgroup memory', tuning: TILED, count: 2 },
])('matrix products, $name, agree with the CPU', ({ tuning, count }) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await openTestBackend({ tuning });
  });
  afterAll(() => backend.dispose());

  it.each([...edges, ...generated(count)].map((shape) => [describeShape(shape), shape] as const))(
    'linear %s, 1 to 67 rows',
    (_, shape) => expectTwins(backend, linear(shape, shape.inputs)),
  );

  it.each([...edges.slice(2), ...generated(2)].map((shape) => [describeShape(shape), shape] as const))(
    'gated %s, 1 to 67 rows',
    (_, shape) => expectTwins(backend, gated(shape, shape.outputs)),
  );
});

describe('a weight larger than a binding', () => {
  it('is cut into shards that give the same result', async () => {
    const shape: Shape = { inputs: 300, outputs: 150, norm: true, bias: true, accumulate: false };
    const backend = await openTestBackend({ tuning: APART, maxBindingBytes: 300 * 4 * 67 });
    await expectTwins(backend, linear(shape, 5));
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });
});
