import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { expectTwins } from '../../../tests/goldens/twin-backends';
import { ROW_FIELDS, STAT_ARGMAX, STAT_FIELDS } from '../backend';
import type { WebGpuBackend } from './backend';

const WIDTHS = [1, 2, 3, 4, 7, 31, 64, 65, 127, 256, 257, 509, 1024, 3072];
const ROWS = [1, 2, 5];
const MAXIMUM_ROWS = 5;

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await openTestBackend();
});
afterAll(() => backend.dispose());

describe.each(WIDTHS)('rows of %i', (width) => {
  const steps = ROWS.map((rows) => ({ rows }));

  it('are gathered by token', () =>
    expectTwins(backend, {
      ...{ seed: width, maximumRows: MAXIMUM_ROWS, steps },
      build: ({ backend: at, rows, random, integers }) => {
        const output = random('output', MAXIMUM_ROWS, width);
        const tokens = [12, 0, 7, 7, 3].flatMap((token) => [token, 0, 0, 0]);
        const rowTable = integers('row table', tokens, MAXIMUM_ROWS, ROW_FIELDS);
        const table = random('table', 13, width);
        return { operation: at.operations.embed({ rows, table, rowTable, output }), outputs: [output] };
      },
    }));

  it('are selected by index', () =>
    expectTwins(backend, {
      ...{ seed: width, maximumRows: MAXIMUM_ROWS, steps },
      build: ({ backend: at, rows, random, integers }) => {
        const output = random('output', MAXIMUM_ROWS, width);
        const indices = integers('indices', [8, 0, 3, 3, 1], MAXIMUM_ROWS);
        const input = random('input', 9, width);
        return { operation: at.operations.selectRows({ rows, input, indices, output }), outputs: [output] };
      },
    }));

  it('give maximum, its place, log-sum-exp and the value at the target', () =>
    expectTwins(backend, {
      ...{ seed: width, maximumRows: MAXIMUM_ROWS, steps },
      build: ({ backend: at, rows, random, integers }) => {
        const output = random('output', MAXIMUM_ROWS, STAT_FIELDS);
        const targets = integers('targets', [0, width - 1, width >> 1, 0, 0], MAXIMUM_ROWS);
        const input = random('input', MAXIMUM_ROWS, width);
        return {
          operation: at.operations.rowStatistics({ rows, input, targets, output }),
          outputs: [output],
        };
      },
    }));

  it('at a temperature give the log-sum-exp of what it divides', () =>
    expectTwins(backend, {
      ...{ seed: width + 1, maximumRows: MAXIMUM_ROWS, steps },
      build: ({ backend: at, rows, random, integers }) => {
        const output = random('output', MAXIMUM_ROWS, STAT_FIELDS);
        const targets = integers('targets', [0, width - 1, width >> 1, 0, 0], MAXIMUM_ROWS);
        const input = random('input', MAXIMUM_ROWS, width);
        return {
          operation: at.operations.rowStatistics({ rows, input, targets, temperature: 0.3, output }),
          outputs: [output],
        };
      },
    }));
});

it('takes the lowest of equal maxima, wherever they lie', async () => {
  const width = 1000;
  const cases = [
    [999, 3],
    [256, 512],
    [700, 699, 701],
    [0, 999],
  ];
  const rows = backend.extent(cases.length);
  const input = backend.tensor('input', [cases.length, width]);
  const targets = backend.tensor('targets', [cases.length], 'u32');
  const output = backend.tensor('output', [cases.length, STAT_FIELDS]);
  const data = new Float32Array(cases.length * width).fill(-5);
  cases.forEach((places, row) => places.forEach((place) => (data[row * width + place] = -1)));
  backend.write(input, data);
  const operation = backend.operations.rowStatistics({ rows, input, targets, output });
  await backend.ready();
  rows.value = cases.length;
  const [statistics] = await backend.run(
    [operation],
    [{ tensor: output, count: cases.length * STAT_FIELDS }],
  );
  const places = cases.map((_, row) => statistics?.[row * STAT_FIELDS + STAT_ARGMAX]);
  expect(places).toEqual(cases.map((tied) => Math.min(...tied)));
  for (const item of [rows, input, targets, output]) item.dispose();
  expect(backend.liveBytes).toBe(0);
});

it('gathers from a table cut into shards', async () => {
  const sharded = await openTestBackend({ maxBindingBytes: 4 * 24 * 5 });
  await expectTwins(sharded, {
    ...{ seed: 1, maximumRows: MAXIMUM_ROWS, steps: [{ rows: 5 }] },
    build: ({ backend: at, rows, random, integers }) => {
      const output = random('output', MAXIMUM_ROWS, 24);
      const tokens = [12, 0, 4, 5, 9].flatMap((token) => [token, 0, 0, 0]);
      const rowTable = integers('row table', tokens, MAXIMUM_ROWS, ROW_FIELDS);
      const table = random('table', 13, 24);
      return { operation: at.operations.embed({ rows, table, rowTable, output }), outputs: [output] };
    },
  });
  sharded.dispose();
});
