import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { expectTwins } from '../../../tests/goldens/twin-backends';
import type { WebGpuBackend } from './backend';

const MAXIMUM_ROWS = 17;
const steps = [{ rows: 1 }, { rows: MAXIMUM_ROWS }];

describe('small operations agree with the CPU', () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await openTestBackend();
  });
  afterAll(() => {
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  it.each([1, 7, 260])('gate of %i columns', (width) =>
    expectTwins(backend, {
      ...{ seed: width, maximumRows: MAXIMUM_ROWS, steps },
      build: ({ backend: { operations }, rows, random }) => {
        const output = random('output', MAXIMUM_ROWS, width);
        const input = random('input', MAXIMUM_ROWS, 2 * width);
        return { operation: operations.gate({ rows, input, output }), outputs: [output] };
      },
    }),
  );

  const heads = { queryHeads: 14, keyValueHeads: 2, headSize: 64 };
  it.each([
    ['queries and keys', { ...heads, queries: true, keys: true }],
    ['queries alone', { ...heads, queries: true, keys: false }],
    ['keys alone', { ...heads, queries: false, keys: true }],
    ['more heads than threads', { queryHeads: 66, keyValueHeads: 6, headSize: 2, queries: true, keys: true }],
    ['nothing', { ...heads, queries: false, keys: false }],
  ])('headNorm of %s', (_, { queries, keys, ...shape }) =>
    expectTwins(backend, {
      ...{ seed: shape.headSize, maximumRows: MAXIMUM_ROWS, steps },
      build: ({ backend: { operations }, rows, random }) => {
        const { queryHeads, keyValueHeads, headSize } = shape;
        const projections = random('p', MAXIMUM_ROWS, (queryHeads + 2 * keyValueHeads) * headSize);
        const operation = operations.headNorm({
          ...{ rows, heads: shape, projections, epsilon: 1e-4 },
          ...(queries && { queryWeight: random('q', headSize) }),
          ...(keys && { keyWeight: random('k', headSize) }),
        });
        return { operation, outputs: [projections] };
      },
    }),
  );
});
