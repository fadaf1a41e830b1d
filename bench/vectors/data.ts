/** Vectors like E5's: all of them point nearly the same way, in clusters, with a few directions that matter more than the others. */
import { Random } from '../../src/lm/random';

export function e5Like(count: number, dimensions: number, seed: number): Float32Array {
  const random = new Random(seed);
  const gauss = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const spread = Float64Array.from({ length: dimensions }, (_, i) => (1 + i) ** -0.35);
  const mean = Float64Array.from({ length: dimensions }, gauss);
  const centres = Array.from({ length: Math.ceil(Math.sqrt(count)) }, () =>
    Float64Array.from(spread, (scale) => scale * gauss()),
  );
  const vectors = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row += 1) {
    const centre = centres[Math.floor(random.uniform() ** 2 * centres.length)];
    const vector = vectors.subarray(row * dimensions, (row + 1) * dimensions);
    let squares = 0;
    vector.forEach((_, i) => {
      const value = 0.9 * (mean[i] ?? 0) + 0.8 * (centre?.[i] ?? 0) + 0.9 * (spread[i] ?? 0) * gauss();
      vector[i] = value;
      squares += value * value;
    });
    const length = Math.sqrt(squares);
    vector.forEach((value, i) => (vector[i] = value / length));
  }
  return vectors;
}

export const rowsOf = (matrix: Float32Array, dimensions: number): Float32Array[] =>
  Array.from({ length: matrix.length / dimensions }, (_, row) =>
    matrix.subarray(row * dimensions, (row + 1) * dimensions),
  );
