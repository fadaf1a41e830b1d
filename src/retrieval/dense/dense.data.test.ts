import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { measureRecall } from '../../../tests/retrieval/recall';
import { denseRows } from './build-rows';
import { PlainIndex } from './dense-index';

const data = process.env['S3_DATA'] ?? '../shared/data';

/** The rows of a two-dimensional little-endian f32 array of NumPy's .npy, version 1. */
function readNpy(path: string): Float32Array[] {
  const file = readFileSync(path);
  const headerBytes = file.readUInt16LE(8);
  const columns = Number(/\((\d+), (\d+)\)/.exec(file.toString('latin1', 10, 10 + headerBytes))?.[2]);
  return rowsOf(new Float32Array(new Uint8Array(file.subarray(10 + headerBytes)).buffer), columns);
}

const rowsOf = (values: Float32Array, columns: number): Float32Array[] =>
  Array.from({ length: values.length / columns }, (_, row) =>
    values.slice(row * columns, (row + 1) * columns),
  );

describe('over real E5 vectors', () => {
  const vectors = readNpy(join(data, 'embeddings/e5-base-v2-1000x768.f32.npy'));

  it('dense search finds for each passage itself, and ranks as 64-bit arithmetic does', async () => {
    const queries = vectors.filter((_, row) => row % 20 === 0);
    const results = await new PlainIndex(denseRows(vectors, 768)).search(queries, 10);
    results.forEach(({ rows }, q) => {
      expect(rows[0]).toBe(q * 20);
      const query = queries[q];
      const exact = vectors.map((vector) => vector.reduce((sum, x, d) => sum + x * (query?.[d] ?? 0), 0));
      const order = exact.map((_, r) => r).sort((a, b) => (exact[b] ?? 0) - (exact[a] ?? 0) || a - b);
      // Neighbours closer than 32-bit rounding may change places; their scores cannot differ by more.
      rows.forEach((r, i) => expect(exact[r]).toBeCloseTo(exact[order[i] ?? 0] ?? NaN, 6));
    });
  });

  it('int8 finds 98.5 % of the exact ten best; one bit with ten times as many candidates, and HNSW, 97 %', async () => {
    const queries = vectors.filter((_, row) => row % 5 === 0);
    const rest = vectors.filter((_, row) => row % 5 !== 0);
    const { int8, signs, hnsw } = await measureRecall(rest, queries);
    expect(int8).toBeGreaterThanOrEqual(0.985);
    expect(signs).toBeGreaterThanOrEqual(0.97);
    expect(hnsw).toBeGreaterThanOrEqual(0.97);
  });
});
