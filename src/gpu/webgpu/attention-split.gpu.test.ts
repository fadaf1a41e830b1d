import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { expectTwins, type TwinCase } from '../../../tests/goldens/twin-backends';
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, type HeadShape } from '../backend';
import { attentionPartials } from '../partials';
import type { WebGpuBackend } from './backend';
import { GpuOperation } from './dispatch';
import { tuningFor } from './tuning';

/** Past 4096 keys a part has more than one block of 64. */
const CAPACITY = 4400;
const SLOTS = 2;
const ROWS = 3;

/** By vectors and by single floats, groups of one and of many, several blocks of a group. */
const shapes: [string, HeadShape][] = [
  { queryHeads: 2, keyValueHeads: 1, headSize: 8 },
  { queryHeads: 1, keyValueHeads: 1, headSize: 6 },
  { queryHeads: 3, keyValueHeads: 3, headSize: 2 },
  { queryHeads: 14, keyValueHeads: 2, headSize: 4 },
  { queryHeads: 7, keyValueHeads: 1, headSize: 20 },
].map((shape) => [`${shape.queryHeads}:${shape.keyValueHeads}×${shape.headSize}`, shape]);

const STEPS: { positions: number[]; split: boolean }[] = [
  { positions: [4399, 0, 63], split: true },
  { positions: [4096, 4095, 64], split: true },
  { positions: [511], split: true },
  { positions: [510], split: false },
  { positions: [1500, 1501], split: true },
];

/** With partial results for two of three rows. */
function attention(heads: HeadShape, chosen: (split: boolean) => void): TwinCase {
  const kvWidth = heads.keyValueHeads * heads.headSize;
  let table: ReturnType<Parameters<TwinCase['build']>[0]['integers']> | undefined;
  let built: unknown;
  return {
    seed: heads.headSize,
    maximumRows: ROWS,
    build: ({ backend, rows, random, integers }) => {
      table = integers('row table', [], ROWS, ROW_FIELDS);
      const output = random('output', ROWS, heads.queryHeads * heads.headSize);
      const operation = backend.operations.attention({
        ...{ rows, heads, output, rowTable: table },
        projections: random('projections', ROWS, heads.queryHeads * heads.headSize + 2 * kvWidth),
        cache: {
          keys: random('keys', SLOTS, CAPACITY, kvWidth),
          values: random('values', SLOTS, CAPACITY, kvWidth),
          ...{ slots: SLOTS, capacity: CAPACITY },
        },
        partials: random('partials', ...attentionPartials(ROWS, heads)),
      });
      built = operation;
      return { operation, outputs: [output] };
    },
    steps: STEPS.map(({ positions }) => ({
      rows: positions.length,
      before: ({ backend, rows }) => {
        if (!table) return;
        const values = new Uint32Array(ROWS * ROW_FIELDS);
        positions.forEach((position, row) => {
          values[row * ROW_FIELDS + ROW_POSITION] = position;
          values[row * ROW_FIELDS + ROW_SLOT] = (row + 1) % SLOTS;
        });
        backend.write(table, values);
        rows.keys = Math.max(...positions) + 1;
        rows.value = positions.length;
        if (built instanceof GpuOperation) chosen(built.select(rows).length === 2);
      },
    })),
  };
}

describe('attention with the keys of a row cut up', () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    const opened = await openTestBackend();
    const tuning = { ...tuningFor(opened.description), splitBelow: 256 };
    opened.dispose();
    backend = await openTestBackend({ tuning });
  });
  afterAll(() => {
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  it.each(shapes)('agrees with the CPU for heads %s, and is chosen where keys are many', async (_, heads) => {
    const splits: boolean[] = [];
    await expectTwins(
      backend,
      attention(heads, (split) => splits.push(split)),
    );
    expect(splits).toEqual(STEPS.map(({ split }) => split));
  });

  it('is not chosen for more rows than there is room for, nor where there is work enough for every core', async () => {
    const heads: HeadShape = { queryHeads: 64, keyValueHeads: 64, headSize: 4 };
    const rows = backend.extent(5);
    const make = (label: string, ...shape: number[]) => backend.tensor(label, shape);
    const tensors = {
      rowTable: backend.tensor('row table', [5, ROW_FIELDS], 'u32'),
      projections: make('projections', 5, 3 * 256),
      output: make('output', 5, 256),
      partials: make('partials', ...attentionPartials(4, heads)),
    };
    const [keys, values] = [make('keys', 1, 600, 256), make('values', 1, 600, 256)];
    const cache = { keys, values, slots: 1, capacity: 600 };
    const operation = backend.operations.attention({ ...tensors, rows, heads, cache });
    if (!(operation instanceof GpuOperation)) throw new Error('Not an operation of WebGPU.');
    rows.keys = 600;
    const split = (count: number): boolean => {
      rows.value = count;
      return operation.select(rows).length === 2;
    };
    // 64 workgroups a row; 256 are enough.
    expect([1, 3, 4, 5].map(split)).toEqual([true, true, false, false]);
    await backend.ready();
    for (const item of [rows, keys, values, ...Object.values(tensors)]) item.dispose();
  });
});
