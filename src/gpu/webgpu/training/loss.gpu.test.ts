import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../../tests/goldens/open-test-backend';
import { expectTwins } from '../../../../tests/goldens/twin-backends';
import { ADAM_FIELDS, SLOPE_FIELDS, SQUARE_PARTS, TOKEN_FIELDS } from '../../training';
import { trainingOperations } from '../../training-for';
import type { WebGpuBackend } from '../backend';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await openTestBackend();
});
afterAll(() => backend.dispose());

describe.each([
  [1, 1],
  [37, 0.6],
  [700, 1.3],
])('over %i tokens at temperature %f', (width, temperature) => {
  const steps = [{ rows: 4 }, { rows: 2 }];

  it('log-probability, entropy and log-sum-exp', () =>
    expectTwins(
      backend,
      {
        ...{ seed: width, maximumRows: 4, steps },
        build: ({ backend: at, rows, random, integers }) => {
          const statistics = random('statistics', 9, TOKEN_FIELDS);
          const operation = trainingOperations(at).tokenStatistics({
            ...{ rows, statistics, temperature, logits: random('logits', 4, width) },
            targets: integers('targets', [0, width - 1, width >> 1, 0], 4),
            selected: integers('selected', [8, 0, 3, 5], 4),
          });
          return { operation, outputs: [statistics] };
        },
      },
      1e-5,
    ));

  it('the gradient by the logits', () =>
    expectTwins(
      backend,
      {
        ...{ seed: width, maximumRows: 4, steps },
        build: ({ backend: at, rows, random, integers }) => {
          const logits = random('logits', 4, width);
          const operation = trainingOperations(at).logitGradient({
            ...{ rows, logits, temperature, statistics: random('statistics', 9, TOKEN_FIELDS) },
            slopes: random('slopes', 9, SLOPE_FIELDS),
            targets: integers('targets', [0, width - 1, width >> 1, 0], 4),
            selected: integers('selected', [8, 0, 3, 5], 4),
          });
          return { operation, outputs: [logits] };
        },
      },
      1e-4,
    ));
});

it('logits far apart give finite statistics', async () => {
  const train = trainingOperations(backend);
  const rows = backend.extent(1);
  const logits = backend.tensor('logits', [1, 3]);
  backend.write(logits, Float32Array.of(0, -1e9, 85));
  const targets = backend.tensor('targets', [1], 'u32');
  const selected = backend.tensor('selected', [1], 'u32');
  const statistics = backend.tensor('statistics', [1, TOKEN_FIELDS]);
  const operation = train.tokenStatistics({ rows, logits, targets, selected, statistics, temperature: 1 });
  await backend.ready();
  rows.value = 1;
  const [got = []] = await backend.run([operation], [{ tensor: statistics, count: 3 }]);
  expect(got[0]).toBeCloseTo(-85, 4);
  expect(got[1]).toBeCloseTo(0, 6);
  expect(got[2]).toBeCloseTo(85, 4);
  for (const item of [rows, logits, targets, selected, statistics]) item.dispose();
});

describe.each([1, 64, 5000])('tensors of %i elements', (count) => {
  const steps = [{ rows: 1 }, { rows: 1 }];
  const twin = { seed: count, maximumRows: 1, steps };

  it('are cleared', () =>
    expectTwins(backend, {
      ...twin,
      build: ({ backend: at, random }) => {
        const tensor = random('tensor', count);
        return { operation: trainingOperations(at).clear(tensor), outputs: [tensor] };
      },
    }));

  it('have their squares added up', async () => {
    const total = async (at: typeof backend): Promise<number> => {
      const input = at.tensor('input', [count]);
      at.write(
        input,
        Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1)),
      );
      const output = at.tensor('output', [3, SQUARE_PARTS]);
      const train = trainingOperations(at);
      const operation = train.squareSum({ input, output, row: 1 });
      await at.ready();
      const [parts = new Float32Array(0)] = await at.run(
        [operation],
        [{ tensor: output, count: 3 * SQUARE_PARTS }],
      );
      for (const item of [input, output, train]) item.dispose();
      expect(parts.subarray(0, SQUARE_PARTS).every((part) => part === 0)).toBe(true);
      return parts.reduce((sum, part) => sum + part, 0);
    };
    const want = Array.from({ length: count }, (_, i) => Math.sin(i + 1) ** 2).reduce((sum, x) => sum + x, 0);
    expect((await total(backend)) / want).toBeCloseTo(1, 5);
  });

  it('are updated', () =>
    expectTwins(backend, {
      ...twin,
      build: ({ backend: at, random }) => {
        const [value, first] = [random('value', count), random('first', count)];
        const second = at.tensor('second', [count]);
        const settings = at.tensor('settings', [ADAM_FIELDS]);
        at.write(settings, Float32Array.of(1e-2, 0.9, 0.999, 1e-8, 0.1, 0.19, 0.001999, 0.5));
        const gradient = random('gradient', count);
        const operation = trainingOperations(at).adamW({ settings, value, gradient, first, second });
        return { operation, outputs: [value, first, second] };
      },
    }));
});
