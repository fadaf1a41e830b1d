import { describe, expect, it } from 'vitest';
import { nodeUsearchModule } from '../../platform/node/usearch';
import { MemoryFileStore } from '../../platform/storage/file-store';
import type { StagedCorpus } from '../../protocol/staged-corpus';
import { buildVectorIndex } from '../build-vector-index';
import { denseRows, PlainIndex, type DenseRows } from '../dense';
import { HnswIndex } from '../usearch';
import { graphCheckpoints, graphRows } from './graph-checkpoints';

const COUNT = 1100;
const DIMENSIONS = 8;

function unit(seed: number): Float32Array {
  let state = seed + 1;
  const vector = Float32Array.from({ length: DIMENSIONS }, () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647 - 0.5;
  });
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}
const rows: DenseRows = denseRows(
  Array.from({ length: COUNT }, (_, row) => unit(row * 7919)),
  DIMENSIONS,
  'f32',
);

type Files = Pick<StagedCorpus, 'list' | 'read' | 'write' | 'remove'>;
/** One folder of a store. */
const filesIn = (store: MemoryFileStore): Files => ({
  list: () => store.list('a'),
  read: (name) => store.read(`a/${name}`),
  write: (name, bytes) => store.write(`a/${name}`, bytes),
  remove: (name) => store.remove(`a/${name}`),
});
const fresh = (quotaBytes?: number): Files => filesIn(new MemoryFileStore(quotaBytes));

interface Building {
  signal?: AbortSignal;
  onRows?: (done: number) => void;
  vectors?: string;
  isKept?: () => boolean;
  over?: DenseRows;
}

async function build(
  files: Files,
  { signal, onRows, vectors = 'a'.repeat(64), isKept = () => true, over = rows }: Building = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const checkpoints = graphCheckpoints(files, vectors, { isKept, everyMs: 0 });
  const built = await buildVectorIndex(
    over,
    'hnsw',
    { openUsearch: nodeUsearchModule },
    { signal, checkpoints, onProgress: ({ done }) => onRows?.(done) },
  );
  if (!built) throw new Error('No graph was built.');
  return built.bytes;
}

/** Of the ten best of some queries, how many it finds; of all rows, whether they are there. */
async function recallOf(graph: Uint8Array): Promise<number> {
  const index = await HnswIndex.open(await nodeUsearchModule(), graph.length, (to) => to.set(graph));
  expect(index.count).toBe(COUNT);
  for (let row = 0; row < COUNT; row += 1) expect(index.has(row)).toBe(true);
  const queries = Array.from({ length: 50 }, (_, i) => unit(31 * i + 5));
  const [found, exact] = [await index.search(queries, 10), await new PlainIndex(rows).search(queries, 10)];
  const shared = exact.map(({ rows: best }, q) => [...best].filter((row) => found[q]?.rows.includes(row)));
  return shared.reduce((sum, { length }) => sum + length, 0) / 500;
}

const plain = async (): Promise<Uint8Array> =>
  (await buildVectorIndex(rows, 'hnsw', { openUsearch: nodeUsearchModule }))?.bytes ?? new Uint8Array();

const aborted = async (files: Files, atRow: number, isKept = () => true): Promise<void> => {
  const stop = new AbortController();
  const onRows = (done: number): void => {
    if (done >= atRow) stop.abort();
  };
  await expect(build(files, { signal: stop.signal, onRows, isKept })).rejects.toMatchObject({
    code: 'ABORTED',
  });
};
/** The first row that was added. */
const resumedFrom = async (files: Files, building: Building = {}): Promise<[number, Uint8Array]> => {
  const reports: number[] = [];
  const graph = await build(files, { ...building, onRows: (done) => void reports.push(done) });
  return [256 * Math.floor(((reports[0] ?? 1) - 1) / 256), graph];
};

describe('checkpoints of a graph', () => {
  it('leave the graph what it is without them, and one file of it', async () => {
    const files = fresh();
    expect(Buffer.compare(await build(files), await plain())).toBe(0);
    const left = await files.list();
    expect(left).toHaveLength(1);
    expect(graphRows(left)).toBe(1024);
    expect(graphRows(['vectors.part-000001', 'graph.usearch'])).toBe(0);
  });

  it('let it go on where it was stopped, as often as it is, and find what it finds built at once', async () => {
    const files = fresh();
    await aborted(files, 512);
    await aborted(files, 768);
    const [from, graph] = await resumedFrom(files);
    expect(from).toBe(768);
    expect(await recallOf(graph)).toBeGreaterThan(0.97);
  });

  it('are whole wherever it is killed: what one of them had is never lost', async () => {
    const few = denseRows(
      Array.from({ length: 800 }, (_, row) => rows.rowAt(row)),
      DIMENSIONS,
      'f32',
    );
    let rounds = 0;
    for (let killAt = 0; ; killAt++) {
      const files = fresh();
      let [steps, written] = [0, 0];
      // What is being written at that moment is cut off in the middle; afterwards nothing happens any more.
      const step = async (work: () => Promise<void>): Promise<void> => {
        if (steps++ >= killAt) throw new Error('killed');
        await work();
      };
      const dying: Files = {
        ...files,
        async write(name, bytes) {
          if (steps === killAt) await files.write(name, bytes.slice(0, bytes.length / 2));
          await step(() => files.write(name, bytes));
          written++;
        },
        remove: (name) => step(() => files.remove(name)),
      };
      if (await build(dying, { over: few }).catch(() => null)) break;
      const [from, graph] = await resumedFrom(files, { over: few });
      expect(from).toBe(256 * written);
      const index = await HnswIndex.open(await nodeUsearchModule(), graph.length, (to) => to.set(graph));
      expect(index.count).toBe(800);
      expect(await files.list()).toHaveLength(1);
      rounds++;
    }
    expect(rounds).toBe(5);
  });

  it('of other vectors, of another shape, or damaged are not gone on with, and go', async () => {
    const store = new MemoryFileStore();
    const files = filesIn(store);
    await aborted(files, 512);
    expect((await resumedFrom(files, { vectors: 'b'.repeat(64) }))[0]).toBe(0);
    expect(await files.list()).toHaveLength(1);
    await aborted(files, 512);
    const wider = denseRows([new Float32Array(16).fill(0.25)], 16, 'f32');
    expect((await build(files, { over: wider })).length).toBeGreaterThan(0);
    const [kept] = store.files.values();
    if (!kept) throw new Error('Nothing was kept.');
    kept[100] = (kept[100] ?? 0) ^ 1;
    expect((await resumedFrom(files))[0]).toBe(0);
  });

  it('are not written where nothing is to be kept', async () => {
    const files = fresh();
    await aborted(files, 512, () => false);
    expect(await files.list()).toEqual([]);
  });

  it('for which there is no room are left out, and the graph is built all the same', async () => {
    const files = fresh(50_000);
    expect(Buffer.compare(await build(files), await plain())).toBe(0);
    expect(await files.list()).toHaveLength(1);
    expect(graphRows(await files.list())).toBeLessThan(512);
  });
});
