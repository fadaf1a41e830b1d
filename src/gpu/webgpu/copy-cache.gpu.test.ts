import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { expectTwins } from '../../../tests/goldens/twin-backends';
import { COPY_FIELDS } from '../backend';
import type { WebGpuBackend } from './backend';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await openTestBackend();
});
afterAll(() => {
  expect(backend.liveBytes).toBe(0);
  backend.dispose();
});

const [slots, capacity] = [3, 70];

describe.each([2, 6, 64, 260])('keys and values of %i numbers', (width) => {
  it.each([
    ['the whole of the first slot to the last', [0, 2, 0], capacity],
    ['the middle of the last slot to the first', [2, 0, 13], 40],
    ['one position', [1, 2, 69], 1],
  ])('are copied: %s', (_, table, rows) =>
    expectTwins(
      backend,
      {
        ...{ seed: width, maximumRows: capacity, steps: [{ rows }] },
        build: ({ backend: at, rows: extent, random, integers }) => {
          const keys = random('keys', slots, capacity, width);
          const values = random('values', slots, capacity, width);
          const copyTable = integers('copy table', table, COPY_FIELDS);
          const cache = { keys, values, slots, capacity };
          const operation = at.operations.copyCache({ rows: extent, copyTable, cache });
          return { operation, outputs: [keys, values] };
        },
      },
      1e-12,
    ),
  );
});
