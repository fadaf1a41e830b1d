import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeUsearchModule } from '../platform/node/usearch';
import { CORPUS_FILES, VECTOR_INDEXES } from '../protocol/corpus';
import { buildVectorIndex } from './build-vector-index';
import { storedType } from './corpus-files';
import { decodeVectors, denseRows, encodeVectors, PlainIndex } from './dense';
import { fileInMemory } from './section-reader';
import { openVectorIndex } from './vector-index';

const data = process.env['S3_DATA'] ?? '../shared/data';

/** The rows of a two-dimensional little-endian f32 array of NumPy's .npy, version 1. */
function readNpy(path: string): Float32Array[] {
  const file = readFileSync(path);
  const headerBytes = file.readUInt16LE(8);
  const columns = Number(/\((\d+), (\d+)\)/.exec(file.toString('latin1', 10, 10 + headerBytes))?.[2]);
  const values = new Float32Array(new Uint8Array(file.subarray(10 + headerBytes)).buffer);
  return Array.from({ length: values.length / columns }, (_, row) =>
    values.slice(row * columns, (row + 1) * columns),
  );
}

/** Every fifth asks, the others are the corpus. */
const real: [name: string, read: () => Promise<Float32Array[]>][] = [
  ['e5-base-v2', () => Promise.resolve(readNpy(join(data, 'embeddings/e5-base-v2-1000x768.f32.npy')))],
  [
    'the demo encoder over the demo corpus',
    async () => {
      const rows = await decodeVectors(new Uint8Array(readFileSync('public/demo/vectors.bin')));
      return Array.from({ length: rows.count }, (_, row) => rows.rowAt(row));
    },
  ],
];

describe.each(real)('real vectors of %s, built and opened as a corpus has them', (_, read) => {
  it.each(VECTOR_INDEXES)('%s finds 97 % of the ten best of an exact search over f32', async (kind) => {
    const all = await read();
    const queries = all.filter((__, row) => row % 5 === 0).slice(0, 300);
    const vectors = all.filter((__, row) => row % 5 !== 0);
    const dimensions = vectors[0]?.length ?? 0;
    const whole = denseRows(vectors, dimensions);
    const exact = await new PlainIndex(whole).search(queries, 10);
    const rows = denseRows(vectors, dimensions, storedType(vectors.length, kind));
    const built = await buildVectorIndex(rows, kind, { openUsearch: nodeUsearchModule });
    const files = new Map<string, Uint8Array<ArrayBuffer>>([
      [CORPUS_FILES.vectors, await encodeVectors(rows)],
    ]);
    if (built) files.set(built.name, built.bytes);
    const bytesOf = (name: string) => files.get(name) ?? new Uint8Array();
    const index = await openVectorIndex(
      {
        kind,
        passages: { length: vectors.length, first: () => Promise.resolve({ id: '', title: '', text: '' }) },
        files: {
          read: (name) => Promise.resolve(bytesOf(name)),
          open: (name) => Promise.resolve(fileInMemory(bytesOf(name))),
          readRange: (name, start, bytes) => Promise.resolve(bytesOf(name).slice(start, start + bytes)),
        },
      },
      {
        dimensions,
        embedQueries: () => Promise.resolve([]),
        embedPassages: () => Promise.resolve([whole.rowAt(0)]),
      },
      { openUsearch: nodeUsearchModule },
    );
    const found = await index.search(queries, 10);
    let hits = 0;
    found.forEach(({ rows: list }, q) => {
      // Which of two equal rows comes first is no matter.
      const scorer = whole.scorer(queries[q] ?? new Float32Array(dimensions));
      const tenth = exact[q]?.scores[9] ?? Infinity;
      for (const row of list) if (scorer.score(row) >= tenth) hits += 1;
    });
    const recall = hits / (10 * queries.length);
    console.info(kind, recall.toFixed(4));
    expect(recall).toBeGreaterThanOrEqual(0.97);
  });
});
