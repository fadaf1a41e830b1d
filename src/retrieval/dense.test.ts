import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { decodeVectors, DenseRetriever, encodeVectors, FlatIndex, flatIndexOf } from './dense';

const vector = (...values: number[]): Float32Array => Float32Array.from(values);
const component = fc.float({ min: -1, max: 1, noNaN: true });

describe('the flat index', () => {
  it('ranks as a straight computation in 64 bits does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.array(component, { minLength: 9, maxLength: 9 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 12 }),
        async (dimensions, rows, k) => {
          const vectors = rows.map((row) => Float32Array.from(row.slice(0, dimensions)));
          const query = vectors[0] ?? vector();
          const [top] = await flatIndexOf(vectors, dimensions).search([query], k);
          const exact = vectors.map((v) => v.reduce((sum, x, d) => sum + x * (query[d] ?? 0), 0));
          expect(top?.rows).toHaveLength(Math.min(k, rows.length));
          const worst = top?.scores.at(-1) ?? NaN;
          top?.rows.forEach((row, i) => expect(top.scores[i]).toBeCloseTo(exact[row] ?? NaN, 5));
          exact.forEach((score, row) => {
            if (!top?.rows.includes(row)) expect(score).toBeLessThanOrEqual(worst + 1e-6);
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('puts the earlier of two equal rows first', async () => {
    const index = flatIndexOf([vector(0, 1), vector(1, 0), vector(1, 0), vector(1, 0)], 2);
    const [top] = await index.search([vector(1, 0)], 2);
    expect([...(top?.rows ?? [])]).toEqual([1, 2]);
  });

  it('answers several queries at once, each as if alone', async () => {
    const index = flatIndexOf([vector(0, 1), vector(1, 0)], 2);
    const both = await index.search([vector(1, 0), vector(0, 1)], 1);
    expect(both.map(({ rows }) => rows[0])).toEqual([1, 0]);
    expect(await index.search([], 1)).toEqual([]);
  });

  it('refuses what is not finite, ragged, or of another dimension', async () => {
    expect(() => new FlatIndex(vector(1, NaN), 2)).toThrow(AppError);
    expect(() => new FlatIndex(vector(1, 2, 3), 2)).toThrow(AppError);
    expect(() => flatIndexOf([vector(1)], 2)).toThrow(AppError);
    await expect(flatIndexOf([vector(1, 0)], 2).search([vector(1)], 1)).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  it('can be stopped in the middle of a scan', async () => {
    const index = new FlatIndex(new Float32Array(100_000 * 32).fill(0.1), 32);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const queries = Array.from({ length: 20 }, () => new Float32Array(32));
    await expect(index.search(queries, 5, controller.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('stored vectors', () => {
  it('come back as they were', async () => {
    const index = flatIndexOf([vector(0.5, -1, 3e-39), vector(1, 0, 0)], 3);
    const again = await decodeVectors(await encodeVectors(index));
    expect(again.dimensions).toBe(3);
    expect(again.vectors).toEqual(index.vectors);
    expect((await decodeVectors(await encodeVectors(flatIndexOf([], 3)))).count).toBe(0);
  });

  it('are refused when cut, altered, or of another kind', async () => {
    const file = await encodeVectors(flatIndexOf([vector(1, 2)], 2));
    for (let length = 0; length < file.length; length += 7) {
      await expect(decodeVectors(file.slice(0, length))).rejects.toMatchObject({ code: 'INTEGRITY' });
    }
    const altered = file.slice();
    altered[altered.length - 3] = 1;
    await expect(decodeVectors(altered)).rejects.toMatchObject({ code: 'INTEGRITY' });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.nat(file.length), async (noise, at) => {
        const mixed = Uint8Array.from([...file.slice(0, at), ...noise, ...file.slice(at + noise.length + 1)]);
        const outcome: unknown = await decodeVectors(mixed).catch((error: unknown) => error);
        // The header stands outside of its own checksum; whoever keeps the file has one of the whole.
        if (outcome instanceof FlatIndex) expect(outcome.vectors).toEqual(vector(1, 2));
        else expect(outcome).toBeInstanceOf(AppError);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the dense retriever', () => {
  const passages = [
    { id: 'a', title: 'A', text: 'x' },
    { id: 'b', title: 'B', text: 'y' },
  ];
  const encoder = {
    embedQueries: (texts: readonly string[]) => Promise.resolve(texts.map(() => vector(1, 0))),
  };

  it('gives passages with ranks', async () => {
    const retriever = new DenseRetriever(flatIndexOf([vector(0, 1), vector(1, 0)], 2), encoder, passages);
    const [hits] = await retriever.search(['q'], 5);
    expect(hits?.map(({ passage, rank, score }) => [passage.id, rank, score])).toEqual([
      ['b', 1, 1],
      ['a', 2, 0],
    ]);
    expect(await retriever.search([], 5)).toEqual([]);
  });

  it('notices an index of another corpus', async () => {
    const retriever = new DenseRetriever(
      flatIndexOf([vector(0, 1), vector(1, 0)], 2),
      encoder,
      passages.slice(0, 1),
    );
    await expect(retriever.search(['q'], 2)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });
});
