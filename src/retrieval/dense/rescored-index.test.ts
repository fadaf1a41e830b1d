import { describe, expect, it } from 'vitest';
import { plainly, randomNumbers } from '../../../tests/retrieval/random-instances';
import { byteRows, signRows } from './build-rows';
import { meanOf } from './byte-rows';
import { PlainIndex } from './dense-index';
import type { RangeReader } from './ranged-rows';
import { candidatesOf, RescoredIndex } from './rescored-index';
import { decodeSigns, encodeSigns } from './signs-file';
import { encodeVectors } from './vectors-file';

const random = randomNumbers(21);
const DIMENSIONS = 50;
const vectors = Array.from({ length: 900 }, () =>
  Float32Array.from({ length: DIMENSIONS }, (_, i) => random() + random() - 1 + (i % 3) / 2),
);
const queries = vectors.slice(0, 20).map((vector) => vector.map((x) => x + random() - 0.5));
const mean = meanOf(vectors, DIMENSIONS);
const [bytes, signs] = [byteRows(vectors, mean), signRows(vectors, mean)];

async function opened(times?: number, change?: (file: Uint8Array) => Uint8Array) {
  const file = await encodeVectors(bytes);
  const whole = change?.(file) ?? file;
  const reads: number[] = [];
  const read: RangeReader = (start, length) => {
    reads.push(length);
    return Promise.resolve(whole.slice(start, start + length));
  };
  const resident = await decodeSigns(await encodeSigns(signs, bytes));
  const index = await RescoredIndex.open(resident, read, times ? { candidates: (topK) => times * topK } : {});
  return { index, reads };
}

describe('signs with rows that are read', () => {
  it('give exactly what a scan of the int8 rows gives, where every row is a candidate', async () => {
    const { index } = await opened(900);
    const exact = await new PlainIndex(bytes).search(queries, 8);
    expect(plainly(await index.search(queries, 8))).toEqual(plainly(exact));
  });

  it('find nearly the same from ten times as many candidates, and read little for it', async () => {
    const { index, reads } = await opened();
    const exact = await new PlainIndex(bytes).search(queries, 10);
    reads.length = 0;
    let hits = 0;
    for (const [q, query] of queries.entries()) {
      const [found] = await index.search([query], 10);
      for (const row of found?.rows ?? []) if (exact[q]?.rows.includes(row)) hits += 1;
    }
    expect(hits / (10 * queries.length)).toBeGreaterThan(0.97);
    expect(Math.max(...reads)).toBeLessThan(bytes.codes.length);
  });

  it('look at ten times as many as are asked for, at fewer of many, and never at fewer than are asked for', () => {
    expect([1, 8, 10, 20, 50, 100, 1000].map(candidatesOf)).toEqual([10, 80, 100, 200, 275, 400, 2650]);
  });

  it('refuse rows of another corpus, cut short, or of another kind', async () => {
    const damaged = { code: 'INTEGRITY' };
    await expect(opened(10, (file) => file.slice(0, 10))).rejects.toMatchObject(damaged);
    await expect(opened(10, (file) => new Uint8Array(file.length))).rejects.toMatchObject(damaged);
    const { index } = await opened(10, (file) => file.slice(0, 2000));
    await expect(index.search(queries, 3)).rejects.toMatchObject(damaged);
    const fewer = await encodeVectors(byteRows(vectors.slice(1), mean));
    await expect(opened(10, () => fewer)).rejects.toMatchObject(damaged);
    await expect(decodeSigns(await encodeVectors(bytes))).rejects.toMatchObject(damaged);
  });

  it('stop at a signal', async () => {
    const { index } = await opened();
    await expect(index.search(queries, 3, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
