import { describe, expect, it } from 'vitest';
import { instanceOf, plainly, randomNumbers } from '../../../tests/retrieval/random-instances';
import { byteRows, denseRows, signRows } from './build-rows';
import { meanOf } from './byte-rows';
import { PlainIndex } from './dense-index';
import { WasmIndex } from './wasm/wasm-index';

const vector = (...values: number[]): Float32Array => Float32Array.from(values);

function unitVectors(count: number, dimensions: number, seed: number): Float32Array[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, () => {
    const values = Float32Array.from({ length: dimensions }, () => random() + random() - 0.6);
    const length = Math.hypot(...values);
    return values.map((x) => x / length);
  });
}

describe('WebAssembly and plain TypeScript', () => {
  it('find the same rows in the same order, with the same scores, in 1,000 random searches', async () => {
    for (let number = 0; number < 1000; number += 1) {
      const { label, rows, queries, topK } = instanceOf(number);
      const plain = await new PlainIndex(rows).search(queries, topK);
      const wasm = await WasmIndex.open(rows).search(queries, topK);
      expect(plainly(wasm), label).toEqual(plainly(plain));
      for (const { rows: found, scores } of plain) {
        expect(found.length, label).toBe(Math.min(topK, rows.count));
        for (let i = 1; i < found.length; i += 1) {
          const [before, after] = [scores[i - 1] ?? NaN, scores[i] ?? NaN];
          const inOrder = before > after || (before === after && (found[i - 1] ?? 0) < (found[i] ?? 0));
          expect(inOrder, label).toBe(true);
        }
      }
    }
  });

  it('agree on sign rows too', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const dimensions = 1 + ((seed * 37) % 600);
      const vectors = unitVectors((seed * 13) % 50, dimensions, seed);
      vectors.push(...vectors.slice(0, 3), new Float32Array(dimensions));
      const rows = signRows(vectors, meanOf(vectors, dimensions), seed);
      const queries = unitVectors(2, dimensions, seed + 1000);
      const plain = await new PlainIndex(rows).search(queries, 9);
      expect(plainly(await WasmIndex.open(rows).search(queries, 9)), String(seed)).toEqual(plainly(plain));
    }
  });

  it('agree over more rows than one call scans', async () => {
    for (const dtype of ['f32', 'f16', 'int8'] as const) {
      const rows = denseRows(unitVectors(5003, 20, 7), 20, dtype);
      const queries = unitVectors(3, 20, 8);
      const plain = await new PlainIndex(rows).search(queries, 50);
      expect(plainly(await WasmIndex.open(rows).search(queries, 50)), dtype).toEqual(plainly(plain));
    }
  });
});

describe('rows of int8', () => {
  it('score as the inner product does, but for the rounding of codes', async () => {
    const vectors = unitVectors(400, 96, 3);
    const rows = denseRows(vectors, 96, 'int8');
    const [query = vector()] = unitVectors(1, 96, 4);
    const [top] = await new PlainIndex(rows).search([query], 400);
    top?.rows.forEach((row, i) => {
      const exact = (vectors[row] ?? vector()).reduce((sum, x, d) => sum + x * (query[d] ?? 0), 0);
      expect(Math.abs((top.scores[i] ?? NaN) - exact)).toBeLessThan(0.004);
    });
    rows.rowAt(17).forEach((x, i) => expect(Math.abs(x - (vectors[17]?.[i] ?? NaN))).toBeLessThan(0.002));
  });

  it('keep the corpus mean for rows that come later', () => {
    const vectors = unitVectors(50, 24, 5);
    const mean = meanOf(vectors, 24);
    const [later, whole] = [byteRows(vectors.slice(40), mean), byteRows(vectors, mean)];
    expect(later.rowAt(3)).toEqual(whole.rowAt(43));
  });
});

describe('every index', () => {
  const vectors = unitVectors(10, 8, 9);
  const indexes = (['f32', 'f16', 'int8'] as const).flatMap((dtype) => {
    const rows = denseRows(vectors, 8, dtype);
    return [new PlainIndex(rows), WasmIndex.open(rows)];
  });

  it.each(indexes)('refuses queries of other dimensions, or not finite (%#)', async (index) => {
    for (const query of [vector(1), new Float32Array(8).fill(NaN), new Float32Array(8).fill(Infinity)]) {
      await expect(index.search([query], 1)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  it.each(indexes)('is stopped by a signal (%#)', async (index) => {
    await expect(index.search(vectors, 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it.each(['f32', 'f16', 'int8'] as const)(
    'of %s refuses vectors that are not finite or of unlike lengths',
    (dtype) => {
      expect(() => denseRows([vector(1, NaN)], 2, dtype)).toThrow(/passage 0 is not finite/);
      expect(() => denseRows([vector(1, 2), vector(1)], 2, dtype)).toThrow(/has 1 dimensions/);
      expect(() => denseRows([], 0, dtype)).toThrow(/cannot have 0 dimensions/);
    },
  );
});
