/** Small searches that are hard to get right: ties, equal rows, zeros, fewer rows than asked for, odd dimensions. */
import type { DenseRows } from '../../src/retrieval/dense/dense-index';
import { denseRows } from '../../src/retrieval/dense/build-rows';
import type { TopK } from '../../src/retrieval/top-k';

export interface Instance {
  label: string;
  rows: DenseRows;
  queries: Float32Array[];
  topK: number;
  vectors: Float32Array[];
}

/** Mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const TYPES = ['f32', 'f16', 'int8'] as const;

/** The instance of a number: its size, type and kind of vectors follow from it. */
export function instanceOf(number: number, { mostRows = 300 }: { mostRows?: number } = {}): Instance {
  const random = randomNumbers(number + 1);
  const below = (n: number): number => Math.floor(random() * n);
  const dtype = TYPES[number % 3] ?? 'f32';
  const dimensions = 1 + below(random() < 0.2 ? 300 : 40);
  const count = random() < 0.05 ? below(3) : below(mostRows);
  const kind = below(4);
  const component = [
    () => random() * 2 - 1,
    // Few values, so that many rows tie.
    () => below(3) - 1,
    // Off centre, as E5 is.
    () => 0.8 + random() * 0.1,
    () => (random() < 0.9 ? 0 : random() - 0.5),
  ][kind];
  const vector = (): Float32Array => Float32Array.from({ length: dimensions }, component ?? random);
  const vectors: Float32Array[] = [];
  for (let row = 0; row < count; row += 1) {
    const roll = random();
    const again = vectors[below(row)];
    if (roll < 0.15 && again) vectors.push(again);
    else vectors.push(roll < 0.2 ? new Float32Array(dimensions) : vector());
  }
  const queries = Array.from({ length: 1 + below(3) }, (_, q) => {
    const [known] = vectors;
    return q === 1 && known ? known : q === 2 ? new Float32Array(dimensions) : vector();
  });
  const topK = 1 + below(random() < 0.2 ? 400 : 20);
  const label = `${number}: ${count} × ${dimensions} ${dtype}, kind ${kind}, ${topK}`;
  return { label, rows: denseRows(vectors, dimensions, dtype), queries, topK, vectors };
}

/** For comparing: numbers in lists of their own. */
export const plainly = (results: readonly TopK[]): { rows: number[]; scores: number[] }[] =>
  results.map(({ rows, scores }) => ({ rows: [...rows], scores: [...scores] }));
