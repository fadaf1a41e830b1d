import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { readTensors } from '../../../tests/goldens/read-tensors';
import { expectTwins, type Bench, type TwinCase } from '../../../tests/goldens/twin-backends';
import type { InputNorm } from '../backend';
import { quantise } from '../blocks';
import type { WebGpuBackend } from './backend';
import { gatedSegments } from './linear-operations';
import type { WeightType } from './kernels/weight-code';
import type { Shard } from './tensor';
import type { Tuning } from './tuning';

const APART: Tuning = {
  ...{ products: 'apart', constantBounds: false, attentionQueries: 4 },
  ...{ f16: false, subgroups: false, broadcast: 0, few: { rows: 4, columns: 4 } },
  ...{ attentionGradient: { each: 0, from: 0 }, splitBelow: 0, sampleBlock: 8192 },
};
// Software adapters compile barriers slowly, so that most tests have small blocks.
const TILED: Tuning = { ...APART, products: 'tiled', few: { rows: 2, columns: 2 } };
const TILED_IN_FULL: Tuning = { ...TILED, few: { rows: 8, columns: 4 } };

/** Row counts on both sides of every switch between forms, and past one tile. */
const ROWS = [1, 2, 3, 5, 16, 17, 64, 70];
const MAXIMUM_ROWS = Math.max(...ROWS);

interface Shape {
  type: WeightType;
  inputs: number;
  outputs: number;
  norm: boolean;
  bias: boolean;
  accumulate: boolean;
  outputColumn?: number;
  scale?: number;
}

const plain = { norm: false, bias: false, accumulate: false };
const edges: Shape[] = [
  { type: 'f32', inputs: 1, outputs: 1, norm: true, bias: true, accumulate: false },
  { type: 'f32', inputs: 4, outputs: 3, norm: false, bias: false, accumulate: true },
  { type: 'f32', inputs: 257, outputs: 131, norm: true, bias: true, accumulate: true },
  { type: 'f32', inputs: 64, outputs: 320, norm: true, bias: true, accumulate: false },
  { type: 'f32', inputs: 516, outputs: 68, norm: false, bias: true, accumulate: true },
  // Read eight, four and two at a time.
  { type: 'f16', inputs: 48, outputs: 37, norm: true, bias: true, accumulate: false },
  { type: 'f16', inputs: 20, outputs: 8, norm: false, bias: false, accumulate: true },
  { type: 'f16', inputs: 6, outputs: 5, norm: true, bias: false, accumulate: false },
  // One group, odd numbers of groups (a word of scales is half empty), and many.
  { type: 'q8', inputs: 32, outputs: 5, norm: true, bias: false, accumulate: false },
  { type: 'q8', inputs: 96, outputs: 67, norm: false, bias: true, accumulate: true },
  { type: 'q8', inputs: 640, outputs: 12, norm: true, bias: true, accumulate: false },
  { type: 'q4', inputs: 32, outputs: 3, norm: true, bias: true, accumulate: true },
  { type: 'q4', inputs: 160, outputs: 66, norm: true, bias: false, accumulate: false },
  { type: 'q4', inputs: 1120, outputs: 20, norm: false, bias: true, accumulate: false },
  // Into the middle of a wider output, scaled, as an adapter does.
  { type: 'f32', inputs: 8, outputs: 68, ...plain, accumulate: true, outputColumn: 8, scale: 0.3 },
  { type: 'f32', inputs: 16, outputs: 30, ...plain, bias: true, norm: true, outputColumn: 3, scale: -2 },
  { type: 'q4', inputs: 64, outputs: 36, ...plain, bias: true, outputColumn: 5, scale: 1.5 },
];

const generated = (count: number): Shape[] =>
  fc.sample(
    fc.record({
      type: fc.constantFrom<WeightType>('f32', 'f16', 'q8', 'q4'),
      inputs: fc.integer({ min: 1, max: 9 }).map((groups) => 32 * groups),
      outputs: fc.integer({ min: 1, max: 300 }),
      ...{ norm: fc.boolean(), bias: fc.boolean(), accumulate: fc.boolean() },
    }),
    { numRuns: count, seed: 11 },
  );

type Steps = Pick<TwinCase, 'maximumRows' | 'steps'>;
const allSteps: Steps = { maximumRows: MAXIMUM_ROWS, steps: ROWS.map((rows) => ({ rows })) };

const normOf = (random: Bench['random'], { maximumRows }: Steps, inputs: number): InputNorm => ({
  weight: random('norm', inputs),
  epsilon: 1e-3,
  scratch: random('scratch', maximumRows, inputs),
});

const linear = (shape: Shape, seed: number, steps = allSteps): TwinCase => {
  const { type, inputs, outputs, norm, bias, accumulate, outputColumn, scale } = shape;
  return {
    seed,
    ...steps,
    build: ({ backend, rows, random, weight }) => {
      const beside = outputColumn === undefined ? 0 : outputColumn + 4;
      const output = random('output', steps.maximumRows, outputs + beside);
      const operation = backend.operations.linear({
        ...{ rows, output, accumulate },
        input: random('input', steps.maximumRows, inputs),
        weight: weight('weight', type, outputs, inputs),
        ...(norm && { norm: normOf(random, steps, inputs) }),
        ...(bias && { bias: random('bias', outputs) }),
        ...(outputColumn !== undefined && { outputColumn }),
        ...(scale !== undefined && { scale }),
      });
      return { operation, outputs: [output] };
    },
  };
};

const gated = ({ type, inputs, outputs, norm }: Shape, seed: number, steps = allSteps): TwinCase => ({
  seed,
  ...steps,
  build: ({ backend, rows, random, weight }) => {
    const output = random('output', steps.maximumRows, outputs);
    const operation = backend.operations.gatedLinear({
      ...{ rows, output },
      input: random('input', steps.maximumRows, inputs),
      weight: weight('weight', type, 2 * outputs, inputs),
      ...(norm && { norm: normOf(random, steps, inputs) }),
    });
    return { operation, outputs: [output] };
  },
});

const describeShape = (shape: Shape): string =>
  Object.entries(shape)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? name : `${name} ${value}`))
    .join(', ');
const named = (shapes: Shape[]): [string, Shape][] => shapes.map((shape) => [describeShape(shape), shape]);

const every = (n: number, from: number): Shape[] => edges.filter((_, i) => i % n === from);

/** SwiftShader has subgroups of 4 and no f16, lavapipe both, with subgroups of 8. */
const FORMS: { name: string; tuning: Tuning; shapes: Shape[]; tolerance?: number }[] = [
  { name: 'each thread on its own', tuning: APART, shapes: [...edges, ...generated(2)] },
  { name: 'handing loads around', tuning: { ...APART, broadcast: 4 }, shapes: [...edges, ...generated(3)] },
  { name: 'handing eight loads around', tuning: { ...APART, broadcast: 8 }, shapes: every(2, 0) },
  { name: 'through workgroup memory', tuning: TILED, shapes: every(2, 0) },
  { name: 'in large blocks', tuning: TILED_IN_FULL, shapes: edges.slice(12, 13) },
  { name: 'with subgroups', tuning: { ...TILED, subgroups: true }, shapes: every(6, 3) },
  // A weight that is rounded to f16 in the tile.
  { name: 'with tiles in f16', tuning: { ...TILED, f16: true }, shapes: every(6, 2), tolerance: 1e-3 },
];

describe.each(FORMS)('matrix products, $name, agree with the CPU', ({ tuning, shapes, tolerance }) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    const opened = await openTestBackend();
    const { f16, subgroups, smallestSubgroup = 0 } = opened.description;
    opened.dispose();
    const { broadcast } = tuning;
    backend = await openTestBackend({
      tuning: {
        ...tuning,
        ...{ f16: tuning.f16 && f16, subgroups: tuning.subgroups && subgroups },
        broadcast: broadcast <= smallestSubgroup ? broadcast : 0,
      },
    });
  });
  afterAll(() => {
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  it.each(named(shapes))('linear %s, 1 to 70 rows', (_, shape) =>
    expectTwins(backend, linear(shape, shape.inputs), tolerance),
  );

  it.each(named(shapes.filter((_, i) => i % 3 === 0)))('gated %s, 1 to 70 rows', (_, shape) =>
    expectTwins(backend, gated(shape, shape.outputs), tolerance),
  );
});

describe('quantised weights', () => {
  it.each([
    ['q8', 'apart', APART],
    ['q8', 'in tiles', TILED],
    ['q4', 'apart', APART],
    ['q4', 'in tiles', TILED],
  ] as const)('in %s give the products of the goldens, %s', async (type, _, tuning) => {
    const golden = await readTensors('quant', 'quant.safetensors');
    const [outputs, inputs, rows] = [96, 128, 5];
    const backend = await openTestBackend({ tuning });
    const extent = backend.extent(rows);
    const input = backend.tensor('x', [rows, inputs]);
    backend.write(input, Float32Array.from(golden('x').data));
    const weight = backend.tensor('weight', [outputs, inputs], type);
    backend.writeBlocks(weight, quantise(type, Float32Array.from(golden('weight').data)));
    const output = backend.tensor('y', [rows, outputs]);
    const operation = backend.operations.linear({ rows: extent, input, weight, output });
    await backend.ready();
    const want = Float32Array.from(golden(`${type}_0.y`).data);
    const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const used of [1, rows]) {
      extent.value = used;
      const [y = new Float32Array(0)] = await backend.run(
        [operation],
        [{ tensor: output, count: used * outputs }],
      );
      expect(y).toHaveLength(used * outputs);
      const worst = y.reduce((most, value, i) => Math.max(most, Math.abs(value - (want[i] ?? NaN))), 0);
      expect(worst).toBeLessThan(1e-4 * largest);
    }
    backend.dispose();
  });
});

describe('a weight larger than a binding', () => {
  // A row of 96 values takes 384, 192, 96 and 48 bytes; so many rows are three shards or more, the last of them not whole,
  // and cut at different places in the two halves of a gated weight. Activations stay whole: 4 rows.
  const cases = [
    ['f32', 37, 6_000],
    ['f16', 75, 6_000],
    ['q8', 149, 6_000],
    ['q4', 149, 3_000],
  ] as const;
  it.each(cases)('in %s is cut into shards that give the same result', async (type, outputs, limit) => {
    const shape: Shape = { type, inputs: 96, outputs, norm: true, bias: true, accumulate: false };
    const tuning = { ...APART, few: { rows: 2, columns: 2 } };
    const backend = await openTestBackend({ tuning, maxBindingBytes: limit });
    const few = { maximumRows: 4, steps: [{ rows: 1 }, { rows: 4 }] };
    await expectTwins(backend, linear(shape, 5, few));
    await expectTwins(backend, gated({ ...shape, outputs: Math.floor((outputs * 3) / 5) }, 7, few));
    await expectTwins(backend, embedding(type, outputs));
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  it('is cut where either half of a gated one is', () => {
    const shards = [0, 8, 16, 24].map((firstRow): Shard => {
      return { firstRow, rows: firstRow < 24 ? 8 : 2, buffer: {} as GPUBuffer, scales: undefined };
    });
    const cuts = gatedSegments(shards, 13).map(({ first, count, shard, other }) => [
      ...[first, count, shard.firstRow, other?.firstRow],
    ]);
    expect(cuts).toEqual([
      [0, 3, 0, 8],
      [3, 5, 0, 16],
      [8, 3, 8, 16],
      [11, 2, 8, 24],
    ]);
  });
});

function embedding(type: WeightType, tokens: number): TwinCase {
  const rows = 5;
  const table = [0, tokens - 1, 3, Math.floor(tokens / 2), 1];
  return {
    seed: tokens,
    maximumRows: rows,
    build: ({ backend, rows: extent, random, weight, integers }) => {
      const output = random('output', rows, 96);
      const operation = backend.operations.embed({
        rows: extent,
        table: weight('table', type, tokens, 96),
        rowTable: integers(
          'rows',
          table.flatMap((token) => [token, 0, 0, 0]),
          rows,
          4,
        ),
        output,
      });
      return { operation, outputs: [output] };
    },
    steps: [{ rows: 1 }, { rows }],
  };
}
