import 'fake-indexeddb/auto';
import { openAsBlob } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomNumbers } from '../../tests/retrieval/random-instances';
import { nodeUsearchModule } from '../platform/node/usearch';
import { lazyDatabase } from '../platform/storage/browser-storage';
import { createCorpusStore } from '../platform/storage/corpus-store';
import { createLocalLocks } from '../platform/storage/locks';
import { CORPUS_FILES, type CorpusFile, type StoredFile, type VectorIndexKind } from '../protocol/corpus';
import type { Encoder, Passage } from '../protocol/retrieval';
import type { StagingStore } from '../protocol/staged-corpus';
import { encodeSigns, encodeVectors, emptyByteRows, emptySignRows, type ByteRows } from './dense';
import { sha256Hex } from './sha256';
import { HnswIndex } from './usearch';
import { openVectorIndex } from './vector-index';

/*
 * What is counted: the array buffers that are still in use (whatever waits for the garbage collector is collected first) and the memories of
 * WebAssembly, looked at every second megabyte of a file, and while the index is tried. Not counted: what the browser or Node keeps of a file by
 * itself, and a graphics adapter.
 */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

vi.setConfig({ testTimeout: 120_000 });

const DIMENSIONS = 4096;
let folder: string;
const memories = new Set<WebAssembly.Memory>();
const { Memory, Instance } = WebAssembly;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-loading-'));
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.add(this);
    }
  };
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      const { memory } = this.exports;
      if (memory instanceof Memory) memories.add(memory);
    }
  };
});
afterAll(async () => {
  Object.assign(WebAssembly, { Memory, Instance });
  await rm(folder, { recursive: true });
});

function held(): number {
  // The second waits for what the first has begun to sweep.
  collect();
  collect();
  let bytes = process.memoryUsage().arrayBuffers;
  for (const { buffer } of memories) bytes += buffer.byteLength;
  return bytes;
}

/** A store whose files lie on the disk, so that they take no memory of their own. */
function store(): StagingStore {
  const at = (path: string): string => join(folder, path);
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), bytes);
  };
  return createCorpusStore({
    database: lazyDatabase('loading'),
    files: {
      write,
      read: async (path) => new Uint8Array(await readFile(at(path))),
      open: (path) => openAsBlob(at(path)),
      sink: () => Promise.reject(new Error('not here')),
      list: (path) => readdir(at(path)),
      remove: (path) => rm(at(path), { recursive: true, force: true }),
    },
    locks: createLocalLocks(),
    quota: {
      estimate: () => Promise.resolve({ usedBytes: 0, quotaBytes: 0, persisted: false }),
      persist: () => Promise.resolve(true),
    },
    now: () => new Date().toISOString(),
    newId: () => crypto.randomUUID(),
    sha256: sha256Hex,
  });
}

function rowsOf(count: number): ByteRows {
  const rows = emptyByteRows(count, new Float32Array(DIMENSIONS).fill(0.01));
  const { codes } = rows;
  // Some randomness, over and over at a distance that is no row's.
  const random = randomNumbers(5);
  const some = Int8Array.from({ length: 50_021 }, () => random() * 250 - 125);
  for (let at = 0; at < codes.length; at += some.length) codes.set(some.subarray(0, codes.length - at), at);
  rows.scales.fill(1e-4);
  return rows;
}

interface Made {
  files: CorpusFile[];
  first: Float32Array;
}

async function make(kind: VectorIndexKind, count: number): Promise<Made> {
  const rows = rowsOf(count);
  const files = [{ name: CORPUS_FILES.vectors, bytes: await encodeVectors(rows) }];
  const made: Made = { files, first: rows.rowAt(0) };
  if (kind === 'compact') {
    const bytes = await encodeSigns(emptySignRows(count, rows.mean), rows);
    made.files.push({ name: CORPUS_FILES.signs, bytes });
  }
  if (kind === 'hnsw') {
    const graph = HnswIndex.create(await nodeUsearchModule(), {
      ...{ dimensions: DIMENSIONS, dtype: 'f16', efAdd: 8, connectivity: 4 },
    });
    for (let row = 0; row < count; row += 1) {
      const vector = rows.rowAt(row);
      const norm = Math.hypot(...vector);
      await graph.add([row], [vector.map((x) => x / norm)]);
      if (row === 0) made.first = vector.map((x) => x / norm);
    }
    made.files.push({ name: CORPUS_FILES.graph, bytes: graph.save() });
  }
  return made;
}

async function stored(here: StagingStore, kind: VectorIndexKind, count: number) {
  const { files, first } = await make(kind, count);
  const sizes = new Map(files.map(({ name, bytes }) => [name, bytes.byteLength]));
  const { id } = await here.create({ name: kind, passages: count, encoder: null, sources: [] }, files);
  return { id, first, sizes };
}

/** The most that is held while the index is opened, beyond what was held before, and what it says it holds. */
async function measure(kind: VectorIndexKind, count: number) {
  const here = store();
  const { id, first, sizes } = await stored(here, kind, count);
  memories.clear();
  // What was built goes only when nothing on the way to here holds it any more.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = held();
  let most = 0;
  const look = (): void => void (most = Math.max(most, held() - before));
  const watched = ({ bytes, pieces }: StoredFile): StoredFile => ({
    bytes,
    async *pieces(signal) {
      let seen = 0;
      for await (const piece of pieces(signal)) {
        if (seen++ % 8 === 0) look();
        yield piece;
      }
      look();
    },
  });
  const passage: Passage = { id: 'p', title: '', text: 'first' };
  const encoder: Encoder = {
    dimensions: DIMENSIONS,
    embedQueries: () => Promise.resolve([]),
    embedPassages: () => Promise.resolve([first]),
  };
  const index = await openVectorIndex(
    {
      kind,
      passages: { length: count, first: () => Promise.resolve(passage) },
      files: {
        read: (name) => here.read(id, name),
        open: async (name) => watched(await here.open(id, name)),
        readRange: (name, start, bytes, signal) => here.readRange(id, name, start, bytes, signal),
      },
    },
    encoder,
    {
      openUsearch: nodeUsearchModule,
      now() {
        look();
        return performance.now();
      },
    },
  );
  look();
  const after = held() - before;
  expect(index.info.kind).toBe(kind);
  return { most, after, said: index.memoryBytes, bytesOf: (name: string) => sizes.get(name) ?? 0 };
}

const MOST = 1.3;

describe('while an index is loaded from a store', () => {
  it('the rows lie in memory once', async () => {
    const { most, said, after, bytesOf } = await measure('exact', 5300);
    const bytes = bytesOf(CORPUS_FILES.vectors);
    expect(bytes).toBeGreaterThan(20e6);
    // They must be somewhere: otherwise this does not measure what it says.
    expect(most).toBeGreaterThan(bytes * 0.95);
    expect(most / bytes).toBeLessThanOrEqual(MOST);
    expect(said / after).toBeCloseTo(1, 1);
  });

  it('so does a graph', async () => {
    const { most, said, after, bytesOf } = await measure('hnsw', 2700);
    const bytes = bytesOf(CORPUS_FILES.graph);
    expect(bytes).toBeGreaterThan(20e6);
    expect(most).toBeGreaterThan(bytes * 0.95);
    expect(most / bytes).toBeLessThanOrEqual(MOST);
    expect(said / after).toBeCloseTo(1, 1);
  });

  it('of a compact one the signs do, and the rows never', async () => {
    const { most, bytesOf } = await measure('compact', 5300);
    expect(bytesOf(CORPUS_FILES.vectors)).toBeGreaterThan(20e6);
    // Beside them the rows under way: a hundred to score, of four kilobytes here, as they are read and as they are used.
    expect(most).toBeLessThanOrEqual(MOST * bytesOf(CORPUS_FILES.signs) + 2 ** 20);
    expect(most).toBeLessThan(bytesOf(CORPUS_FILES.vectors) / 4);
  });
});
