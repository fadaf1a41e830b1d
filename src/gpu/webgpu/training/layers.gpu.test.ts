import { afterAll, beforeAll, describe, it } from 'vitest';
import { openTestBackend, openTestDevice } from '../../../../tests/goldens/open-test-backend';
import { expectTwins, type TwinCase } from '../../../../tests/goldens/twin-backends';
import type { HeadShape } from '../../backend';
import { ROW_FIELDS } from '../../backend';
import { ATTENTION_FIELDS } from '../../training';
import { headWidth } from '../../training-checks';
import { trainingOperations } from '../../training-for';
import { WebGpuBackend } from '../backend';
import { tuningFor } from '../tuning';

/**
 * What hardware takes on at once, with the loops of software. SwiftShader does not compile 4 × 4 scores of a thread within minutes; it is
 * given the same kernels at 2 × 2, however few rows there are.
 */
const tilesFor = (adapter: string) => ({
  attentionGradient: { each: /swiftshader/i.test(adapter) ? (2 as const) : (4 as const), from: 0 },
});

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await openTestBackend();
});
afterAll(() => backend.dispose());

/** Sequences one after the other, each in a slot of its own. */
const rowTableOf = (lengths: readonly number[]): number[] =>
  lengths.flatMap((length, slot) =>
    Array.from({ length }, (_, t) => [(7 * t) % 11, t, slot, length - 1 - t]).flat(),
  );

const HEADS: HeadShape[] = [
  { queryHeads: 4, keyValueHeads: 2, headSize: 16 },
  { queryHeads: 3, keyValueHeads: 1, headSize: 6 },
  { queryHeads: 2, keyValueHeads: 2, headSize: 72 },
  { queryHeads: 6, keyValueHeads: 2, headSize: 64 },
];
/** Room for sequences that are worth kernels in tiles, and for those that are not. */
const capacityFor = ({ headSize }: HeadShape): number => (headSize === 64 ? 256 : 72);

function attentionOf(heads: HeadShape, lengths: readonly number[], capacity: number): TwinCase {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const rows = lengths.reduce((sum, length) => sum + length, 0);
  return {
    ...{ seed: rows, maximumRows: rows, steps: [{ rows }] },
    build: ({ backend: at, rows: extent, random, integers }) => {
      const gradient = random('gradient', rows, headWidth(heads));
      const cacheShape = [lengths.length, capacity, keyValueHeads * headSize];
      const operation = trainingOperations(at).attentionGradient({
        ...{ rows: extent, heads, gradient },
        rowTable: integers('row table', rowTableOf(lengths), rows, ROW_FIELDS),
        projections: random('projections', rows, headWidth(heads)),
        cache: {
          ...{ keys: random('keys', ...cacheShape), values: random('values', ...cacheShape) },
          ...{ slots: lengths.length, capacity },
        },
        output: random('output', rows, queryHeads * headSize),
        outputGradient: random('output gradient', rows, queryHeads * headSize),
        statistics: random('statistics', rows, queryHeads * ATTENTION_FIELDS),
      });
      return { operation, outputs: [gradient] };
    },
  };
}

it('attention in tiles, as large as the adapter compiles', async () => {
  const { device, description } = await openTestDevice();
  const tuning = { ...tuningFor({ ...description, software: true }), ...tilesFor(description.name) };
  const own = new WebGpuBackend(device, { description, tuning });
  const heads = { queryHeads: 3, keyValueHeads: 1, headSize: 32 };
  await expectTwins(own, attentionOf(heads, [33, 20, 45], 72), 2e-5);
  own.dispose();
});

describe.each(HEADS)('$queryHeads query and $keyValueHeads key-value heads of $headSize', (heads) => {
  const { headSize } = heads;

  it.each([[[1]], [[5, 1, 3]], [[70, 4]], [[33, 20, 45]]])('attention of sequences of %j', (lengths) =>
    expectTwins(backend, attentionOf(heads, lengths, capacityFor(heads)), 2e-5),
  );

  it('rotation', () =>
    expectTwins(backend, {
      ...{ seed: 3, maximumRows: 5, steps: [{ rows: 5 }, { rows: 2 }] },
      build: ({ backend: at, rows, random, integers }) => {
        const gradient = random('gradient', 5, headWidth(heads));
        const operation = trainingOperations(at).rotateGradient({
          ...{ rows, heads, gradient, angles: random('angles', 6, headSize) },
          rowTable: integers('row table', rowTableOf([3, 2]), 5, ROW_FIELDS),
        });
        return { operation, outputs: [gradient] };
      },
    }));

  it('norms over heads, with and without their weights’ gradients', async () => {
    for (const isTrained of [false, true]) {
      await expectTwins(backend, {
        ...{ seed: 4, maximumRows: 3, steps: [{ rows: 3 }, { rows: 1 }] },
        build: ({ backend: at, rows, random }) => {
          const gradient = random('gradient', 3, headWidth(heads));
          const weights = [random('query gradient', headSize), random('key gradient', headSize)] as const;
          const operation = trainingOperations(at).headNormGradient({
            ...{ rows, heads, gradient, epsilon: 1e-3 },
            projections: random('projections', 3, headWidth(heads)),
            queryWeight: random('query weight', headSize),
            keyWeight: random('key weight', headSize),
            ...(isTrained && { queryWeightGradient: weights[0], keyWeightGradient: weights[1] }),
          });
          return { operation, outputs: [gradient, ...weights] };
        },
      });
    }
  });
});

describe.each([1, 30, 65])('rows of %i', (width) => {
  it.each([false, true])('the norm and its gradients, accumulated: %s', async (accumulate) => {
    const steps = [{ rows: 5 }, { rows: 2 }];
    await expectTwins(backend, {
      ...{ seed: width, maximumRows: 5, steps },
      build: ({ backend: at, rows, random }) => {
        const inputGradient = random('input gradient', 5, width);
        const weightGradient = random('weight gradient', width);
        const operation = trainingOperations(at).rmsNormGradient({
          ...{ rows, inputGradient, accumulate, ...(accumulate && { weightGradient }) },
          ...{ input: random('input', 5, width), outputGradient: random('output gradient', 5, width) },
          norm: { weight: random('weight', width), epsilon: 1e-3 },
        });
        return { operation, outputs: [inputGradient, weightGradient] };
      },
    });
    await expectTwins(backend, {
      ...{ seed: width, maximumRows: 5, steps },
      build: ({ backend: at, rows, random }) => {
        const output = random('output', 5, width);
        const norm = { weight: random('weight', width), epsilon: 1e-3 };
        const operation = trainingOperations(at).rmsNorm({
          ...{ rows, norm, output, input: random('input', 5, width) },
        });
        return { operation, outputs: [output] };
      },
    });
  });

  it('the gate', () =>
    expectTwins(backend, {
      ...{ seed: width, maximumRows: 5, steps: [{ rows: 5 }, { rows: 2 }] },
      build: ({ backend: at, rows, random }) => {
        const inputGradient = random('input gradient', 5, 2 * width);
        const operation = trainingOperations(at).gateGradient({
          ...{ rows, inputGradient, input: random('input', 5, 2 * width) },
          outputGradient: random('output gradient', 5, width),
        });
        return { operation, outputs: [inputGradient] };
      },
    }));

  it('embedding, bias, copies', async () => {
    const steps = [{ rows: 13 }, { rows: 2 }];
    await expectTwins(backend, {
      ...{ seed: width, maximumRows: 13, steps },
      build: ({ backend: at, rows, random, integers }) => {
        const tableGradient = random('table gradient', 11, width);
        const operation = trainingOperations(at).embedGradient({
          ...{ rows, tableGradient, outputGradient: random('output gradient', 13, width) },
          rowTable: integers('row table', rowTableOf([13]), 13, ROW_FIELDS),
        });
        return { operation, outputs: [tableGradient] };
      },
    });
    await expectTwins(backend, {
      ...{ seed: width, maximumRows: 13, steps },
      build: ({ backend: at, rows, random }) => {
        const biasGradient = random('bias gradient', width);
        const outputGradient = random('output gradient', 13, width);
        const operation = trainingOperations(at).biasGradient({ rows, biasGradient, outputGradient });
        return { operation, outputs: [biasGradient] };
      },
    });
    await expectTwins(backend, {
      ...{ seed: width, maximumRows: 3, steps: [{ rows: 3 }, { rows: 1 }] },
      build: ({ backend: at, rows, random, integers }) => {
        const output = random('output', 9, width);
        const indices = integers('indices', [8, 0, 3], 3);
        const input = random('input', 3, width);
        return {
          operation: trainingOperations(at).scatterRows({ rows, input, indices, output }),
          outputs: [output],
        };
      },
    });
    await expectTwins(backend, {
      ...{ seed: width, maximumRows: 3, steps: [{ rows: 3 }, { rows: 1 }] },
      build: ({ backend: at, rows, random }) => {
        const output = random('output', 3, width);
        const input = random('input', 3, width);
        return { operation: trainingOperations(at).copyRows({ rows, input, output }), outputs: [output] };
      },
    });
  });
});
