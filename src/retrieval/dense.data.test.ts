import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FlatIndex } from './dense';

const data = process.env['S3_DATA'] ?? '../shared/data';

/** A two-dimensional little-endian f32 array of NumPy's .npy, version 1. */
function readNpy(path: string): { values: Float32Array; columns: number } {
  const file = readFileSync(path);
  const headerBytes = file.readUInt16LE(8);
  const columns = Number(/\((\d+), (\d+)\)/.exec(file.toString('latin1', 10, 10 + headerBytes))?.[2]);
  return { values: new Float32Array(new Uint8Array(file.subarray(10 + headerBytes)).buffer), columns };
}

describe('dense search over real E5 vectors', () => {
  it('finds for each passage itself, and ranks as 64-bit arithmetic does', async () => {
    const { values, columns } = readNpy(join(data, 'embeddings/e5-base-v2-1000x768.f32.npy'));
    const index = new FlatIndex(values, columns);
    const row = (r: number): Float32Array => values.subarray(r * columns, (r + 1) * columns);
    const queries = Array.from({ length: 50 }, (_, i) => row(i * 20));
    const results = await index.search(queries, 10);
    results.forEach(({ rows }, q) => {
      expect(rows[0]).toBe(q * 20);
      const query = queries[q];
      const exact = Array.from({ length: index.count }, (_, r) =>
        row(r).reduce((sum, x, d) => sum + x * (query?.[d] ?? 0), 0),
      );
      const order = exact.map((_, r) => r).sort((a, b) => (exact[b] ?? 0) - (exact[a] ?? 0) || a - b);
      // Neighbours closer than 32-bit rounding may change places; their scores cannot differ by more.
      rows.forEach((r, i) => expect(exact[r]).toBeCloseTo(exact[order[i] ?? 0] ?? NaN, 6));
    });
  });
});
