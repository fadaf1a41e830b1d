import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { e5Like, rowsOf } from '../../../bench/vectors/data';
import { measureRecall } from '../../../tests/retrieval/recall';
import { decodeVectors } from './vectors-file';

async function demoVectors(): Promise<Float32Array[]> {
  const file = await readFile(new URL('../../../public/demo/vectors.bin', import.meta.url));
  const rows = await decodeVectors(new Uint8Array(file));
  if (rows.dtype !== 'f32') throw new Error('The vectors that come with the page are in f32.');
  return Array.from({ length: rows.count }, (_, row) => rows.rowAt(row));
}

describe('recall of the ten best', () => {
  it.each([
    ['the vectors that come with the page', demoVectors],
    ['vectors made like those of E5', () => rowsOf(e5Like(3000, 192, 9), 192)],
  ] as const)('holds over %s: int8 98.5 %, one bit and HNSW 97 %', async (_, make) => {
    const vectors = await make();
    const queries = vectors.filter((_, row) => row % 25 === 0);
    const { int8, signs, hnsw } = await measureRecall(
      vectors.filter((_, row) => row % 25 !== 0),
      queries,
    );
    expect(int8).toBeGreaterThanOrEqual(0.985);
    expect(signs).toBeGreaterThanOrEqual(0.97);
    expect(hnsw).toBeGreaterThanOrEqual(0.97);
  });
});
