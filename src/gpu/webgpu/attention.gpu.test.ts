import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { expectTwins, type TwinCase } from '../../../tests/goldens/twin-backends';
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, type HeadShape } from '../backend';
import type { WebGpuBackend } from './backend';

const MAXIMUM_ROWS = 70;
const CAPACITY = 150;
const SLOTS = 3;

const edges: HeadShape[] = [
  { queryHeads: 1, keyValueHeads: 1, headSize: 2 },
  { queryHeads: 3, keyValueHeads: 1, headSize: 6 },
  { queryHeads: 14, keyValueHeads: 2, headSize: 64 },
  { queryHeads: 4, keyValueHeads: 4, headSize: 48 },
  { queryHeads: 11, keyValueHeads: 1, headSize: 16 },
  { queryHeads: 2, keyValueHeads: 1, headSize: 256 },
];

const generated: HeadShape[] = fc
  .sample(
    fc.record({
      group: fc.integer({ min: 1, max: 9 }),
      keyValueHeads: fc.integer({ min: 1, max: 4 }),
      half: fc.integer({ min: 1, max: 31 }),
    }),
    { numRuns: 3, seed: 5 },
  )
  .map(({ group, keyValueHeads, half }) => ({
    queryHeads: group * keyValueHeads,
    keyValueHeads,
    headSize: 2 * half,
  }));

const shapes = [...edges, ...generated].map(
  (shape) => [`${shape.queryHeads}:${shape.keyValueHeads}×${shape.headSize}`, shape] as const,
);

function rowTable(rows: { position: number; slot: number }[]): Uint32Array {
  const table = new Uint32Array(rows.length * ROW_FIELDS);
  rows.forEach(({ position, slot }, i) => {
    table[i * ROW_FIELDS + ROW_POSITION] = position;
    table[i * ROW_FIELDS + ROW_SLOT] = slot;
  });
  return table;
}

/** One sequence from `first` on, and many sequences at positions of their own. */
const sequence = (count: number, first: number, slot: number): { position: number; slot: number }[] =>
  Array.from({ length: count }, (_, i) => ({ position: first + i, slot }));
const scattered = (count: number): { position: number; slot: number }[] =>
  Array.from({ length: count }, (_, i) => ({ position: (i * 61) % CAPACITY, slot: i % SLOTS }));

const steps = [
  { rows: sequence(1, 0, 0), oneSequence: true },
  { rows: sequence(1, 149, 2), oneSequence: true },
  { rows: sequence(5, 62, 1), oneSequence: true },
  { rows: sequence(67, 3, 0), oneSequence: true },
  { rows: scattered(7), oneSequence: false },
  { rows: scattered(1), oneSequence: false },
];

const attention = (heads: HeadShape): TwinCase => {
  const kvWidth = heads.keyValueHeads * heads.headSize;
  let table: ReturnType<Parameters<TwinCase['build']>[0]['integers']> | undefined;
  return {
    seed: heads.headSize,
    maximumRows: MAXIMUM_ROWS,
    build: ({ backend, rows, random, integers }) => {
      table = integers('row table', [], MAXIMUM_ROWS, ROW_FIELDS);
      const output = random('output', MAXIMUM_ROWS, heads.queryHeads * heads.headSize);
      const operation = backend.operations.attention({
        ...{ rows, heads, output, rowTable: table },
        projections: random('projections', MAXIMUM_ROWS, heads.queryHeads * heads.headSize + 2 * kvWidth),
        cache: {
          keys: random('keys', SLOTS, CAPACITY, kvWidth),
          values: random('values', SLOTS, CAPACITY, kvWidth),
          ...{ slots: SLOTS, capacity: CAPACITY },
        },
      });
      return { operation, outputs: [output] };
    },
    steps: steps.map(({ rows, oneSequence }) => ({
      ...{ rows: rows.length, oneSequence },
      before: ({ backend }) => table && backend.write(table, rowTable(rows)),
    })),
  };
};

const rotation = (heads: HeadShape): TwinCase => {
  const kvWidth = heads.keyValueHeads * heads.headSize;
  return {
    seed: heads.headSize,
    maximumRows: MAXIMUM_ROWS,
    build: ({ backend, rows, random, integers }) => {
      const keys = random('keys', SLOTS, CAPACITY, kvWidth);
      const values = random('values', SLOTS, CAPACITY, kvWidth);
      const projections = random(
        'projections',
        MAXIMUM_ROWS,
        heads.queryHeads * heads.headSize + 2 * kvWidth,
      );
      const places = rowTable(
        Array.from({ length: MAXIMUM_ROWS }, (_, i) => ({ position: i * 2, slot: i % SLOTS })),
      );
      const operation = backend.operations.rotateAndCache({
        ...{ rows, heads, projections },
        rowTable: integers('row table', [...places], MAXIMUM_ROWS, ROW_FIELDS),
        angles: random('angles', CAPACITY, heads.headSize),
        cache: { keys, values, slots: SLOTS, capacity: CAPACITY },
      });
      return { operation, outputs: [projections, keys, values] };
    },
    steps: [{ rows: 1 }, { rows: 3 }, { rows: 67 }],
  };
};

describe.each([4, 8])('attention of %i queries together', (attentionQueries) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await openTestBackend({
      tuning: {
        products: 'apart',
        constantBounds: false,
        attentionQueries,
        f16: false,
        subgroups: false,
        broadcast: 0,
        few: { rows: 4, columns: 4 },
        ...{ attentionGradient: { each: 0, from: 0 }, splitBelow: 0, sampleBlock: 8192 },
      },
    });
  });
  afterAll(() => backend.dispose());

  const few = attentionQueries === 8 ? shapes.slice(0, 4) : shapes;
  it.each(few)('agrees with the CPU for heads %s, one sequence or many, short and long', (_, heads) =>
    expectTwins(backend, attention(heads)),
  );
});

describe('rotation', () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await openTestBackend();
  });
  afterAll(() => backend.dispose());

  it.each(shapes)('of heads %s agrees with the CPU, in place and in the cache', (_, heads) =>
    expectTwins(backend, rotation(heads)),
  );
});
