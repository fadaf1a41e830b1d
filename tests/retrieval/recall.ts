/** How many of the ten best the searches that are not exact find. */
import { nodeUsearchModule } from '../../src/platform/node/usearch';
import { buildVectorIndex } from '../../src/retrieval/build-vector-index';
import { storedType } from '../../src/retrieval/corpus-files';
import { byteRows, denseRows, signRows } from '../../src/retrieval/dense/build-rows';
import { meanOf } from '../../src/retrieval/dense/byte-rows';
import { WasmIndex } from '../../src/retrieval/dense/wasm/wasm-index';
import { HnswIndex } from '../../src/retrieval/usearch';
import type { TopK } from '../../src/retrieval/top-k';

export interface Recall {
  int8: number;
  /** One bit, ten times as many candidates, scored again by their int8 rows. */
  signs: number;
  /** As a corpus of so many passages has its graph: at the default width, over halves of the rows as they are stored. */
  hnsw: number;
}

/** Of ten: how many score as well as the tenth best of the exact search over f32. Which of two equal rows comes first is no matter. */
export async function measureRecall(
  vectors: readonly Float32Array[],
  queries: readonly Float32Array[],
): Promise<Recall> {
  const dimensions = vectors[0]?.length ?? 0;
  const whole = denseRows(vectors, dimensions);
  const exact = await WasmIndex.open(whole).search(queries, 10);
  const scorers = queries.map((query) => whole.scorer(query));
  const recallOf = (found: readonly TopK[]): number => {
    let hits = 0;
    found.forEach(({ rows }, q) => {
      const tenth = exact[q]?.scores[9] ?? -Infinity;
      for (const row of rows.subarray(0, 10)) if ((scorers[q]?.score(row) ?? NaN) >= tenth) hits += 1;
    });
    return hits / (10 * found.length);
  };
  const mean = meanOf(vectors, dimensions);
  const bytes = byteRows(vectors, mean);
  const candidates = await WasmIndex.open(signRows(vectors, mean)).search(queries, 100);
  const rescored = candidates.map(({ rows }, q) => {
    const scorer = bytes.scorer(queries[q] ?? new Float32Array(dimensions));
    const best = [...rows].map((row) => ({ row, score: scorer.score(row) }));
    best.sort((a, b) => b.score - a.score || a.row - b.row);
    return { rows: Uint32Array.from(best, ({ row }) => row), scores: new Float64Array(0) };
  });
  const stored = denseRows(vectors, dimensions, storedType(vectors.length));
  const file = await buildVectorIndex(stored, 'hnsw', { openUsearch: nodeUsearchModule });
  if (!file) throw new Error('A graph is a file of its own.');
  const graph = await HnswIndex.open(await nodeUsearchModule(), file.bytes.byteLength, (bytes) =>
    bytes.set(file.bytes),
  );
  return {
    int8: recallOf(await WasmIndex.open(bytes).search(queries, 10)),
    signs: recallOf(rescored),
    hnsw: recallOf(await graph.search(queries, 10)),
  };
}
