/**
 * Exact search beside LanceDB, a vector database that runs inside Node: the same ids, and the time. LanceDB's binary has 190 MB, therefore it
 * is not among the peers that are installed by themselves; by hand, and without the libraries of embedding services that it names as optional:
 *
 *   npm install --prefix bench --no-save --omit=optional @lancedb/lancedb@0.39.0 @lancedb/lancedb-linux-x64-gnu@0.39.0 apache-arrow@18.1.0
 *
 * On its own: `npx tsx bench/vectors/lancedb.ts [COUNT]`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { byteRows, denseRows, meanOf, WasmIndex, type DenseIndex } from '../../src/retrieval/dense';
import { digits, spread, summarise, table } from '../statistics';
import { e5Like, rowsOf } from './data';

const DIMENSIONS = 384;
const QUERIES = 64;
const TOP = 10;

/** What is used of `@lancedb/lancedb`. */
interface Lance {
  connect(folder: string): Promise<{
    createTable(name: string, rows: { id: number; vector: number[] }[]): Promise<LanceTable>;
    close(): void;
  }>;
}
interface LanceTable {
  search(vector: number[]): LanceQuery;
}
interface LanceQuery {
  distanceType(kind: 'dot'): LanceQuery;
  select(columns: string[]): LanceQuery;
  limit(count: number): LanceQuery;
  toArray(): Promise<{ id: number; _distance: number }[]>;
}

async function loadLance(): Promise<Lance | null> {
  let file: string;
  try {
    file = createRequire(import.meta.url).resolve('@lancedb/lancedb');
  } catch {
    return null;
  }
  // One thread, as the others here have; read when the library is loaded.
  process.env['LANCE_CPU_THREADS'] = '1';
  const loaded = (await import(pathToFileURL(file).href)) as Lance & { default?: Lance };
  return loaded.default ?? loaded;
}

/** Ids of the best, the best first. */
type Search = (query: Float32Array) => Promise<number[]>;

const ours =
  (index: DenseIndex): Search =>
  async (query) => [...((await index.search([query], TOP))[0]?.rows ?? [])];

export async function compareLance(count: number, rounds: number, print: (line: string) => void) {
  const lance = await loadLance();
  if (!lance) {
    print('LanceDB is not installed (bench/vectors/lancedb.ts says how), so it is left out.');
    return;
  }
  const vectors = rowsOf(e5Like(count + QUERIES, DIMENSIONS, 8), DIMENSIONS);
  const queries = vectors.splice(count);
  const folder = await mkdtemp(join(tmpdir(), 's3-lance-'));
  try {
    const database = await lance.connect(folder);
    const rows = vectors.map((vector, id) => ({ id, vector: [...vector] }));
    const stored = await database.createTable('vectors', rows);
    const theirs: Search = async (query) => {
      const search = stored
        .search([...query])
        .distanceType('dot')
        .select(['id', '_distance'])
        .limit(TOP);
      return (await search.toArray()).map(({ id }) => id);
    };
    const contenders: { name: string; search: Search }[] = [
      { name: 's3-web, f32 (WASM, 1 thread)', search: ours(WasmIndex.open(denseRows(vectors, DIMENSIONS))) },
      {
        name: 's3-web, int8 (WASM, 1 thread)',
        search: ours(WasmIndex.open(byteRows(vectors, meanOf(vectors, DIMENSIONS)))),
      },
      { name: 'LanceDB, flat, f32, from its file', search: theirs },
    ];
    const found: number[][][] = contenders.map(() => []);
    const times: number[][] = contenders.map(() => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const query of queries) {
        // In turns, so that what else the machine does meets all of them.
        for (const [i, { search }] of contenders.entries()) {
          const start = performance.now();
          const ids = await search(query);
          if (round > 0) times[i]?.push(performance.now() - start);
          else found[i]?.push(ids);
        }
      }
    }
    const [exact = []] = found;
    const lines = contenders.map(({ name }, i) => {
      const lists = found[i] ?? [];
      const same = lists.filter((ids, q) => ids.join() === exact[q]?.join()).length;
      const shared = lists.reduce(
        (sum, ids, q) => sum + ids.filter((id) => exact[q]?.includes(id)).length,
        0,
      );
      const mine = summarise(times[i] ?? []);
      const theirs = summarise(times[2] ?? []);
      const ratios = [`${digits(theirs.median / mine.median)}×`, `${digits(theirs.least / mine.least)}×`];
      const overlap = (shared / (TOP * QUERIES)).toFixed(4);
      return [name, `${same} of ${QUERIES}`, overlap, spread(mine), ...ratios];
    });
    database.close();
    print(`\n### LanceDB, ${count} × ${DIMENSIONS}, the ten best of ${QUERIES} queries\n`);
    print(
      table(
        [
          ...['search', 'same ids in order', 'ids shared', 'ms: median (least–most)'],
          ...['LanceDB ÷ it', 'by the least'],
        ],
        lines,
      ),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await compareLance(Number(process.argv[2] ?? 20_000), 4, (line) => console.log(line));
}
