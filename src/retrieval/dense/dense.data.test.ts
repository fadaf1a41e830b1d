import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TopK } from '../top-k';
import { byteRows, denseRows, signRows } from './build-rows';
import { meanOf } from './byte-rows';
import { PlainIndex } from './dense-index';
import { WasmIndex } from './wasm/wasm-index';

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

/** Of ten: how many score as well as the tenth best of the exact search. Which of two equal rows comes first is no matter of recall. */
function recall(
  exact: readonly TopK[],
  found: readonly TopK[],
  scoreOf: (q: number, row: number) => number,
): number {
  let hits = 0;
  found.forEach(({ rows }, q) => {
    const tenth = exact[q]?.scores[9] ?? -Infinity;
    for (const row of rows.subarray(0, 10)) if (scoreOf(q, row) >= tenth) hits += 1;
  });
  return hits / (10 * found.length);
}

async function recalls(vectors: readonly Float32Array[], queries: readonly Float32Array[]) {
  const dimensions = vectors[0]?.length ?? 0;
  const whole = denseRows(vectors, dimensions);
  const exact = await WasmIndex.open(whole).search(queries, 10);
  const scorers = queries.map((query) => whole.scorer(query));
  const of = (found: readonly TopK[]): number =>
    recall(exact, found, (q, row) => scorers[q]?.score(row) ?? NaN);
  const mean = meanOf(vectors, dimensions);
  const bytes = byteRows(vectors, mean);
  const int8 = of(await WasmIndex.open(bytes).search(queries, 10));
  const candidates = await WasmIndex.open(signRows(vectors, mean)).search(queries, 100);
  const rescored = candidates.map(({ rows }, q) => {
    const scorer = bytes.scorer(queries[q] ?? new Float32Array(dimensions));
    const best = [...rows].map((row) => ({ row, score: scorer.score(row) }));
    best.sort((a, b) => b.score - a.score || a.row - b.row);
    return { rows: Uint32Array.from(best.slice(0, 10), ({ row }) => row), scores: new Float64Array(0) };
  });
  return { int8, signs: of(rescored) };
}

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

  it('int8 finds 98.5 % of the exact ten best, signs with ten times as many candidates 97 %', async () => {
    const queries = vectors.filter((_, row) => row % 5 === 0);
    const rest = vectors.filter((_, row) => row % 5 !== 0);
    const { int8, signs } = await recalls(rest, queries);
    expect(int8).toBeGreaterThanOrEqual(0.985);
    expect(signs).toBeGreaterThanOrEqual(0.97);
  });
});

/** Made by `bench/vectors/embed.ts`, which takes the demo's encoder half an hour; where it is not there, there is nothing to compare. */
const made = process.env['S3_DEMO_VECTORS'] ?? '.cache/bench/demo-vectors.f32';
describe.runIf(existsSync(made))('over 50,000 passages by the demo encoder', () => {
  it('int8 finds 98.5 % of the exact ten best, signs with ten times as many candidates 97 %', async () => {
    const vectors = rowsOf(new Float32Array(new Uint8Array(readFileSync(made)).buffer), 128);
    const queries = vectors.splice(0, 500);
    expect(vectors.length).toBeGreaterThanOrEqual(50_000);
    const { int8, signs } = await recalls(vectors, queries);
    expect(int8).toBeGreaterThanOrEqual(0.985);
    expect(signs).toBeGreaterThanOrEqual(0.97);
  });
});
