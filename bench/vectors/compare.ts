/**
 * Vector search beside FAISS and the native usearch, and its growth with the corpus. Times are those of the processor, in one thread: what
 * else the machine does takes part in them only by the caches and the memory's bandwidth.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { nodeUsearchModule, usearchAddon } from '../../src/platform/node/usearch';
import {
  byteRows,
  denseRows,
  emptyByteRows,
  meanOf,
  signRows,
  WasmIndex,
  type DenseIndex,
} from '../../src/retrieval/dense';
import { HnswIndex } from '../../src/retrieval/usearch';
import { digits, spread, spreadRatio, summarise, table } from '../statistics';
import { e5Like, rowsOf } from './data';
import { openFaiss } from './faiss';
import { growthPlot, type Series } from './plot';

const DIMENSIONS = 384;
const QUERIES = 64;
type Print = (line: string) => void;

const spentMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

interface Contender {
  name: string;
  /** Milliseconds of one search. */
  time: (queries: number) => Promise<number>;
}

function ours(name: string, index: DenseIndex, queries: readonly Float32Array[]): Contender {
  let turn = 0;
  return {
    name,
    async time(size) {
      const batch = Array.from(
        { length: size },
        (_, i) => queries[(turn + i) % QUERIES] ?? new Float32Array(),
      );
      turn += size;
      const start = spentMs();
      await index.search(batch, 10);
      return spentMs() - start;
    },
  };
}

export async function compareFlat(count: number, rounds: number, print: Print): Promise<void> {
  const all = e5Like(count + QUERIES, DIMENSIONS, 5);
  const vectors = rowsOf(all, DIMENSIONS);
  const queries = vectors.splice(count);
  const mean = meanOf(vectors, DIMENSIONS);
  const contenders: Contender[] = [
    ours('s3-web, int8 (WASM, 1 thread)', WasmIndex.open(byteRows(vectors, mean)), queries),
    ours('s3-web, f32 (WASM, 1 thread)', WasmIndex.open(denseRows(vectors, DIMENSIONS)), queries),
    ours('s3-web, 1 bit without rescoring', WasmIndex.open(signRows(vectors, mean)), queries),
  ];
  const folder = await mkdtemp(join(tmpdir(), 's3-bench-'));
  const file = join(folder, 'vectors.f32');
  await writeFile(file, all);
  const faiss = await openFaiss(file, { count, dimensions: DIMENSIONS, queries: QUERIES, threads: 1 });
  if (faiss) contenders.push({ name: 'FAISS IndexFlatIP, f32, 1 thread', time: (size) => faiss.time(size) });
  else print('FAISS is not installed (Debian: python3-faiss), so it is left out.');
  const lines: string[][] = [];
  for (const size of [1, 8]) {
    const times = contenders.map((): number[] => []);
    for (let round = 0; round < rounds + 2; round += 1) {
      for (const [i, { time }] of contenders.entries()) {
        const ms = await time(size);
        if (round >= 2) times[i]?.push(ms);
      }
    }
    const peer = times[3];
    contenders.forEach(({ name }, i) => {
      const mine = times[i] ?? [];
      const ratio = peer && summarise(mine.map((ms, round) => (peer[round] ?? NaN) / ms));
      const best = peer && Math.min(...peer) / Math.min(...mine);
      lines.push([
        size === 1 ? 'one query' : `${size} queries`,
        name,
        spread(summarise(mine)),
        ratio ? `${digits(ratio.median)}×` : '',
        best ? `${digits(best)}×` : '',
      ]);
    });
  }
  faiss?.close();
  await rm(folder, { recursive: true });
  print(`\n### Exact search, ${count} × ${DIMENSIONS}\n`);
  print(table(['what', 'search', 'ms: median (least–most)', 'FAISS ÷ it', 'by the least'], lines));
}

/** Approximate search in the same graph, WebAssembly and the native addon in turns. */
export async function compareHnsw(count: number, rounds: number, print: Print): Promise<void> {
  const vectors = rowsOf(e5Like(count + QUERIES, DIMENSIONS, 6), DIMENSIONS);
  const queries = vectors.splice(count);
  const exact = await WasmIndex.open(denseRows(vectors, DIMENSIONS)).search(queries, 10);
  const recall = (found: readonly (readonly number[])[]): string => {
    const hits = found.flatMap((rows, q) => rows.filter((row) => exact[q]?.rows.includes(row)));
    return (hits.length / (10 * queries.length)).toFixed(4);
  };
  const here = HnswIndex.create(await nodeUsearchModule(), { dimensions: DIMENSIONS });
  const start = spentMs();
  await here.add([...vectors.keys()], vectors);
  print(
    `\nHNSW of ${count} × ${DIMENSIONS} built in ${digits((spentMs() - start) / 1000)} s (WASM, 1 thread).`,
  );
  const Addon = await usearchAddon();
  if (!Addon) {
    print('The native addon of usearch is not installed, so there is nothing to compare with.');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 's3-bench-'));
  const file = join(folder, 'index.usearch');
  await writeFile(file, here.save());
  const lines: string[][] = [];
  for (const ef of [32, 64, 128]) {
    here.ef = ef;
    const native = new Addon({
      ...{ dimensions: DIMENSIONS, metric: 'ip', quantization: 'f32', connectivity: 16 },
      ...{ expansion_add: 128, expansion_search: ef, multi: false },
    });
    native.load(file);
    const ways: [string, () => Promise<number[][]> | number[][]][] = [
      ['WASM', async () => (await here.search(queries, 10)).map(({ rows }) => [...rows])],
      ['native addon', () => queries.map((query) => [...native.search(query, 10, 1).keys].map(Number))],
    ];
    const found = [await ways[0]?.[1](), await ways[1]?.[1]()];
    const times = ways.map((): number[] => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, [, search]] of ways.entries()) {
        const before = spentMs();
        await search();
        times[i]?.push((1000 * (spentMs() - before)) / queries.length);
      }
    }
    const [mine = [], theirs = []] = times;
    const ratio = summarise(mine.map((ms, round) => (theirs[round] ?? NaN) / ms));
    ways.forEach(([name], i) => {
      const row = [`${name}, ef ${ef}`, recall(found[i] ?? []), spread(summarise(times[i] ?? []))];
      lines.push([...row, i === 0 ? spreadRatio(ratio) : '']);
    });
  }
  await rm(folder, { recursive: true });
  const header = [
    'the same graph',
    'recall@10',
    'µs a query: median (least–most)',
    'native ÷ WASM, by rounds',
  ];
  print(`\n${table(header, lines)}`);
}

/** One query over int8 rows and over signs, as the corpus grows. Codes are random: what they are takes no part in the time. */
export async function measureGrowth(sizes: readonly number[], print: Print): Promise<string> {
  const series: Series[] = [
    { name: 'int8, WASM, one thread', points: [] },
    { name: 'f32, WASM, one thread', points: [] },
  ];
  const lines: string[][] = [];
  for (const count of sizes) {
    const bytes = emptyByteRows(count, new Float32Array(DIMENSIONS));
    for (let i = 0; i < bytes.codes.length; i += 1) bytes.codes[i] = (i * 2_654_435_761) >>> 24;
    bytes.scales.fill(0.001);
    const query = Float32Array.from({ length: DIMENSIONS }, (_, i) => Math.sin(i));
    const best = async (index: DenseIndex): Promise<number> => {
      const times: number[] = [];
      for (let round = 0; round < 12; round += 1) {
        const start = spentMs();
        await index.search([query], 10);
        times.push(spentMs() - start);
      }
      return Math.min(...times);
    };
    const int8 = await best(WasmIndex.open(bytes));
    series[0]?.points.push([count, int8]);
    const row = [String(count), digits(int8), digits((count * DIMENSIONS) / int8 / 1e6)];
    if (count <= 300_000) {
      const floats = denseRows(rowsOf(e5Like(Math.min(count, 1000), DIMENSIONS, 3), DIMENSIONS), DIMENSIONS);
      const many = Array.from({ length: count }, (_, i) => floats.rowAt(i % floats.count));
      const f32 = await best(WasmIndex.open(denseRows(many, DIMENSIONS)));
      series[1]?.points.push([count, f32]);
      row.push(digits(f32));
    } else row.push('');
    lines.push(row);
  }
  print(`\n${table(['vectors', 'int8, ms', 'GB/s', 'f32, ms'], lines)}`);
  return growthPlot(series);
}
