/**
 * A corpus as points on a plane: the two directions in which its vectors differ most (principal components), found by subspace iteration on an
 * even sample of the rows. Near on the map is often, not always, near in meaning.
 */
import type { CorpusMap } from '../protocol/corpus';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { FetchedPassages } from './passage-text';
import { nextTask } from './yielding';

/** Rows drawn at most. */
export const MOST_POINTS = 4000;
/** The gap between the second and the third direction decides how many are enough; for a picture these are. */
const ITERATIONS = 24;

/** Vectors by row. */
export interface Rows {
  readonly count: number;
  readonly dimensions: number;
  rowAt(row: number): Float32Array;
}

export interface Projection {
  /** Of the corpus, ascending. */
  rows: Uint32Array;
  /** Of each of them, between -1 and 1, the mean of all at 0. */
  x: Float32Array;
  y: Float32Array;
  /** Of the variance, what each direction accounts for, between 0 and 1. */
  shares: [number, number];
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
};

/** To unit length; false for what has none. */
function normalise(vector: Float64Array): boolean {
  const norm = Math.sqrt(dot(vector, vector));
  if (!(norm > 1e-12)) return false;
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / norm;
  return true;
}

function removeFrom(vector: Float64Array, direction: Float64Array): void {
  const along = dot(vector, direction);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) - along * (direction[i] ?? 0);
}

/** The same for the same rows: nothing in it is random. */
export async function projectRows(
  vectors: Rows,
  most: number = MOST_POINTS,
  signal?: AbortSignal,
): Promise<Projection> {
  const { count, dimensions } = vectors;
  const n = Math.min(count, most);
  const rows = Uint32Array.from({ length: n }, (_, i) => Math.floor((i * count) / n));
  const points = Array.from(rows, (row) => Float64Array.from(vectors.rowAt(row)));
  const mean = new Float64Array(dimensions);
  for (const point of points)
    for (let d = 0; d < dimensions; d++) mean[d] = (mean[d] ?? 0) + (point[d] ?? 0) / n;
  let total = 0;
  for (const point of points) {
    for (let d = 0; d < dimensions; d++) point[d] = (point[d] ?? 0) - (mean[d] ?? 0);
    total += dot(point, point);
  }
  // Directions to begin with that no corpus lies across: waves of two lengths.
  let first = Float64Array.from({ length: dimensions }, (_, d) => Math.sin(d + 1));
  let second = Float64Array.from({ length: dimensions }, (_, d) => Math.cos(2.3 * d + 0.7));
  normalise(first);
  normalise(second);
  for (let step = 0; step < ITERATIONS && total > 0; step++) {
    throwIfAborted(signal);
    const next = [new Float64Array(dimensions), new Float64Array(dimensions)] as const;
    for (const point of points) {
      const [a, b] = [dot(point, first), dot(point, second)];
      for (let d = 0; d < dimensions; d++) {
        next[0][d] = (next[0][d] ?? 0) + a * (point[d] ?? 0);
        next[1][d] = (next[1][d] ?? 0) + b * (point[d] ?? 0);
      }
    }
    // Where there is no second direction, the points lie on a line.
    if (normalise(next[0])) first = next[0];
    removeFrom(next[1], first);
    second = normalise(next[1]) ? next[1] : new Float64Array(dimensions);
    await nextTask();
  }
  const along = (direction: Float64Array): Float64Array =>
    Float64Array.from(points, (point) => dot(point, direction));
  const [x, y] = [along(first), along(second)];
  const widest = Math.max(...[...x, ...y].map(Math.abs), 1e-12);
  const scaled = (values: Float64Array): Float32Array => Float32Array.from(values, (value) => value / widest);
  const share = (values: Float64Array): number => (total > 0 ? dot(values, values) / total : 0);
  return { rows, x: scaled(x), y: scaled(y), shares: [share(x), share(y)] };
}

/** All vectors are read to be drawn. */
const MOST_ROWS = 250_000;

/** @throws AppError UNSUPPORTED for more vectors than are read for a picture */
export function requireDrawable(passages: number): void {
  if (passages <= MOST_ROWS) return;
  throw new AppError('UNSUPPORTED', `Maps are drawn of ${MOST_ROWS} passages at most.`, {
    fix: 'Search in it instead.',
  });
}

export const vectorsElsewhere = (): AppError =>
  new AppError('UNSUPPORTED', 'The vectors of this corpus are not on this device.', {
    fix: 'Fetch it whole, where that can be had.',
  });

export async function mapOf(
  { passages }: { readonly passages: FetchedPassages },
  vectors: Rows,
  signal?: AbortSignal,
): Promise<CorpusMap> {
  const { rows, ...places } = await projectRows(vectors, MOST_POINTS, signal);
  const found = await passages.fetch(rows, signal);
  const titles = Array.from(rows, (row) => {
    const { title = '', text = '', id = '' } = found.get(row) ?? {};
    return (title || text || id).slice(0, 80);
  });
  return { rows, titles, ...places };
}
