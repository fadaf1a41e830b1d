import fc from 'fast-check';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomNumbers } from '../../../tests/retrieval/random-instances';
import { nodeUsearchModule, usearchAddon } from '../../platform/node/usearch';
import { AppError } from '../../protocol/errors';
import { denseRows } from '../dense/build-rows';
import { PlainIndex } from '../dense/dense-index';
import { checkUsearchFile } from './usearch-file';
import { defaultEf, HnswIndex, type HnswOptions } from './hnsw-index';

const DIMENSIONS = 40;
const random = randomNumbers(11);
const unit = (): Float32Array => {
  const vector = Float32Array.from({ length: DIMENSIONS }, () => random() + random() - 0.7);
  const length = Math.hypot(...vector);
  return vector.map((x) => x / length);
};
const vectors = Array.from({ length: 700 }, unit);
const queries = Array.from({ length: 40 }, unit);
const rowsOf = (count: number): number[] => Array.from({ length: count }, (_, row) => row);

let module: WebAssembly.Module;
let folder: string;
let exact: number[][];
beforeAll(async () => {
  module = await nodeUsearchModule();
  folder = await mkdtemp(join(tmpdir(), 's3-usearch-'));
  const found = await new PlainIndex(denseRows(vectors, DIMENSIONS)).search(queries, 10);
  exact = found.map(({ rows }) => [...rows]);
});
afterAll(() => rm(folder, { recursive: true }));

async function built(options: Partial<HnswOptions> = {}): Promise<HnswIndex> {
  const index = HnswIndex.create(module, { dimensions: DIMENSIONS, ...options });
  await index.add(rowsOf(vectors.length), vectors);
  return index;
}
const opened = (file: Uint8Array, mode: 'view' | 'load' = 'view'): Promise<HnswIndex> =>
  HnswIndex.open(module, file.length, (bytes) => bytes.set(file), { mode });

async function recall(index: HnswIndex): Promise<number> {
  const found = await index.search(queries, 10);
  const hits = found.map(({ rows }, q) => exact[q]?.filter((row) => rows.includes(row)).length ?? 0);
  return hits.reduce((sum, n) => sum + n, 0) / (10 * queries.length);
}

describe('HNSW in WebAssembly', () => {
  it.each([
    ['ip', 'f32'],
    ['cos', 'f32'],
    ['l2sq', 'f32'],
    ['ip', 'f16'],
    ['cos', 'f16'],
  ] as const)('finds what an exact search finds, by %s on %s', async (metric, dtype) => {
    const index = await built({ metric, dtype });
    expect(await recall(index)).toBeGreaterThanOrEqual(0.97);
    const [top] = await index.search(queries.slice(0, 1), 10);
    const scores = [...(top?.scores ?? [])];
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    const [best = 0] = exact[0] ?? [];
    const cosine = vectors[best]?.reduce((sum, x, d) => sum + x * (queries[0]?.[d] ?? 0), 0) ?? NaN;
    expect(scores[0]).toBeCloseTo(metric === 'l2sq' ? 2 * cosine - 2 : cosine, 2);
  });

  it('gives all there are where fewer are there than asked for, and nothing from nothing', async () => {
    const index = HnswIndex.create(module, { dimensions: DIMENSIONS });
    expect((await index.search(queries.slice(0, 1), 5))[0]?.rows).toHaveLength(0);
    await index.add([7, 3], [unit(), unit()]);
    expect([...((await index.search(queries.slice(0, 1), 5))[0]?.rows ?? [])].sort()).toEqual([3, 7]);
  });

  it('looks at as many candidates as it is told to, and at more of them in larger corpora', async () => {
    const index = await built();
    index.ef = 1;
    const few = await recall(index);
    index.ef = 200;
    expect(await recall(index)).toBeGreaterThan(few);
    expect([1_000, 50_000, 100_000, 1_000_000].map(defaultEf)).toEqual([256, 256, 400, 1568]);
    expect(() => (index.ef = 0)).toThrow(AppError);
  });

  it('finds no removed vector, and new ones in their place', async () => {
    const index = await built();
    const [best = 0] = exact[0] ?? [];
    expect(index.remove(best)).toBe(true);
    expect(index.remove(best)).toBe(false);
    expect(index.count).toBe(699);
    expect((await index.search(queries.slice(0, 1), 10))[0]?.rows).not.toContain(best);
    await index.add([5000], [queries[0] ?? unit()]);
    expect((await index.search(queries.slice(0, 1), 1))[0]?.rows[0]).toBe(5000);
  });

  it('refuses wrong vectors, keys that are taken, and stops at a signal', async () => {
    const index = await built();
    const bad = { code: 'BAD_INPUT' };
    await expect(index.search([new Float32Array(3)], 1)).rejects.toMatchObject(bad);
    await expect(index.search([new Float32Array(DIMENSIONS).fill(NaN)], 1)).rejects.toMatchObject(bad);
    await expect(index.add([3], [unit()])).rejects.toMatchObject(bad);
    await expect(index.add([-1], [unit()])).rejects.toMatchObject(bad);
    await expect(index.add([900], [unit().fill(Infinity)])).rejects.toMatchObject(bad);
    await expect(index.search(queries, 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    const controller = new AbortController();
    const many = Array.from({ length: 20_000 }, () => vectors[0] ?? unit());
    setTimeout(() => controller.abort(), 20);
    const adding = index.add(
      many.map((_, i) => 1000 + i),
      many,
      controller.signal,
    );
    await expect(adding).rejects.toMatchObject({ code: 'ABORTED' });
    expect(index.count).toBeGreaterThan(700);
    expect(index.count).toBeLessThan(20_700);
  });
});

describe('files of usearch', () => {
  it('come back as they were, as a copy and as a view; a view cannot be changed', async () => {
    const index = await built();
    index.remove(12);
    const file = index.save();
    const before = await index.search(queries, 10);
    for (const mode of ['view', 'load'] as const) {
      const again = await opened(file, mode);
      expect(again.count).toBe(699);
      expect(await again.search(queries, 10)).toEqual(before);
      if (mode === 'view') {
        await expect(again.add([9000], [unit()])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
        expect(() => again.remove(1)).toThrow(/view/);
      } else {
        await again.add([9000], [unit()]);
        expect(again.has(9000)).toBe(true);
      }
    }
  });

  it.each(['ip', 'cos'] as const)(
    'go both ways between the native addon and WebAssembly (%s)',
    async (metric) => {
      const Addon = await usearchAddon();
      if (!Addon) throw new Error('The addon is a development dependency and should be here.');
      for (const dtype of ['f32', 'f16'] as const) {
        const native = new Addon({
          ...{ dimensions: DIMENSIONS, metric, quantization: dtype, connectivity: 16 },
          ...{ expansion_add: 128, expansion_search: 64, multi: false },
        });
        vectors.forEach((vector, row) => native.add(BigInt(row), vector, 1));
        const path = join(folder, `${metric}-${dtype}.usearch`);
        native.save(path);
        const here = await opened(await readFile(path));
        expect(here).toMatchObject({ count: 700, dimensions: DIMENSIONS, metric, dtype });
        expect(await recall(here)).toBeGreaterThanOrEqual(0.97);

        const own = await built({ metric, dtype });
        await writeFile(path, own.save());
        for (const way of ['load', 'view'] as const) {
          const there = new Addon({
            ...{ dimensions: DIMENSIONS, metric, quantization: dtype, connectivity: 16 },
            ...{ expansion_add: 128, expansion_search: 64, multi: false },
          });
          there[way](path);
          expect(there.size()).toBe(700);
          const found = queries.map((query) => [...there.search(query, 10, 1).keys].map(Number));
          const hits = found.map((rows, q) => exact[q]?.filter((row) => rows.includes(row)).length ?? 0);
          expect(hits.reduce((sum, n) => sum + n, 0) / 400).toBeGreaterThanOrEqual(0.97);
        }
      }
    },
  );

  it('are refused when cut or altered, before usearch follows any number in them', async () => {
    const index = HnswIndex.create(module, { dimensions: 8 });
    await index.add(
      rowsOf(60),
      Array.from({ length: 60 }, () => unit().slice(0, 8)),
    );
    const file = index.save();
    for (let length = 0; length < file.length; length += 97) {
      await expect(opened(file.slice(0, length))).rejects.toBeInstanceOf(AppError);
    }
    const query = [unit().slice(0, 8)];
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 }), async (at, byte) => {
        const altered = file.slice();
        altered[at] = byte;
        const head: unknown = await checkUsearchFile(altered).catch((error: unknown) => error);
        if (head instanceof AppError) return;
        // What passes the check can be searched: at worst a vector or a key has changed.
        const again = await opened(altered);
        const outcome: unknown = await again.search(query, 10).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(AppError);
      }),
      { numRuns: 500 },
    );
  });
});
