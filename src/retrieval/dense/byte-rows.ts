import {
  requireDimensions,
  requireLength,
  requireQuery,
  requireVector,
  strideOf,
  wholeNumbers,
} from './shape';
import type { RowScorer, RowShape } from './shape';

const LARGEST_CODE = 127;
/** Two signed bytes h, l of v = 128 h + l, which is how the GPU multiplies it. */
const LARGEST_QUERY = 127 * 128;

export interface ByteParts {
  /** [count, stride], −127 … 127. */
  codes: Int8Array;
  /** [count]: of a code's unit. */
  scales: Float32Array;
  /** [count]: mean · (row − mean). */
  products: Float32Array;
  /** [dimensions] */
  mean: Float32Array;
}

export interface ByteScorer extends RowScorer {
  /** The query less the mean, in units of `step`, zeros up to the stride: so small that no sum of products leaves 32 bits. */
  readonly query: Int16Array;
  readonly step: number;
  /** query · mean */
  readonly constant: number;
  /** Of the exact sum of the row's products. */
  scoreOf(row: number, sum: number): number;
}

/**
 * Rows of int8, centred on the corpus mean μ, one scale a row. With c = x − μ the inner product is q·x = q·μ + (q − μ)·c + μ·c; only c is
 * rounded, which matters for E5, whose vectors all point nearly the same way.
 *
 * (q − μ) is rounded as well, to 15 bits or so. Its product with a row is then a sum of whole numbers, exact in any order, and a
 * score is `(step · scale) · sum + product + constant` in 64 bits: the same on every backend by construction.
 */
export class ByteRows implements RowShape, ByteParts {
  readonly dtype = 'int8';
  readonly dimensions: number;
  readonly stride: number;
  readonly count: number;
  readonly codes: Int8Array;
  readonly scales: Float32Array;
  readonly products: Float32Array;
  readonly mean: Float32Array;

  constructor({ codes, scales, products, mean }: ByteParts) {
    requireDimensions(mean.length);
    this.dimensions = mean.length;
    this.stride = strideOf(mean.length, 1);
    this.count = scales.length;
    requireLength('rows', codes.length, this.count * this.stride);
    requireLength('products', products.length, this.count);
    this.codes = codes;
    this.scales = scales;
    this.products = products;
    this.mean = mean;
  }

  get bytes(): number {
    const { codes, scales, products, mean } = this;
    return codes.byteLength + scales.byteLength + products.byteLength + mean.byteLength;
  }

  rowAt(row: number): Float32Array {
    const scale = this.scales[row] ?? 0;
    return this.mean.map((mean, i) => mean + scale * (this.codes[row * this.stride + i] ?? 0));
  }

  /** @throws AppError BAD_INPUT */
  scorer(given: Float32Array): ByteScorer {
    const { codes, scales, products, mean, dimensions, stride } = this;
    requireQuery(given, dimensions);
    const centred = new Float64Array(dimensions);
    let constant = 0;
    given.forEach((value, i) => {
      const at = mean[i] ?? 0;
      centred[i] = value - at;
      constant += value * at;
    });
    const query = new Int16Array(stride);
    const limit = Math.min(LARGEST_QUERY, Math.floor((2 ** 31 - 1) / (LARGEST_CODE * dimensions)));
    const { step } = wholeNumbers(centred, limit, query);
    const scoreOf = (row: number, sum: number): number =>
      step * (scales[row] ?? 0) * sum + (products[row] ?? 0) + constant;
    const score = (row: number): number => {
      let [s0, s1] = [0, 0];
      for (let i = 0, at = row * stride; i < stride; i += 2, at += 2) {
        s0 += (query[i] ?? 0) * (codes[at] ?? 0);
        s1 += (query[i + 1] ?? 0) * (codes[at + 1] ?? 0);
      }
      return scoreOf(row, s0 + s1);
    };
    return { query, step, constant, score, scoreOf };
  }
}

/** Takes vectors one by one; rows added to a corpus later use its mean. */
export class ByteRowWriter {
  readonly #rows: ByteRows;
  readonly #centred: Float64Array;

  /** `rows` are written to in place. */
  constructor(rows: ByteRows) {
    this.#rows = rows;
    this.#centred = new Float64Array(rows.dimensions);
  }

  /** @throws AppError BAD_INPUT */
  write(row: number, vector: Float32Array): void {
    const { codes, scales, products, mean, stride, dimensions } = this.#rows;
    requireVector(vector, row, dimensions);
    const centred = this.#centred;
    let [largest, product] = [0, 0];
    for (let i = 0; i < dimensions; i += 1) {
      const at = mean[i] ?? 0;
      const value = (vector[i] ?? 0) - at;
      centred[i] = value;
      product += at * value;
      largest = Math.max(largest, Math.abs(value));
    }
    const scale = Math.fround(largest / LARGEST_CODE);
    scales[row] = scale;
    products[row] = product;
    for (let i = 0; i < dimensions; i += 1) {
      const code = scale > 0 ? Math.round((centred[i] ?? 0) / scale) : 0;
      codes[row * stride + i] = Math.max(-LARGEST_CODE, Math.min(LARGEST_CODE, code));
    }
  }
}

/** Room for `count` rows around a mean. */
export const emptyByteRows = (count: number, mean: Float32Array): ByteRows =>
  new ByteRows({
    codes: new Int8Array(count * strideOf(mean.length, 1)),
    ...{ scales: new Float32Array(count), products: new Float32Array(count), mean },
  });

/** The mean of vectors, in 64 bits and then rounded. @throws AppError BAD_INPUT */
export function meanOf(vectors: Iterable<Float32Array>, dimensions: number): Float32Array {
  const sums = new Float64Array(dimensions);
  let count = 0;
  for (const vector of vectors) {
    requireVector(vector, count, dimensions);
    for (let i = 0; i < dimensions; i += 1) sums[i] = (sums[i] ?? 0) + (vector[i] ?? 0);
    count += 1;
  }
  return Float32Array.from(sums, (sum) => (count > 0 ? sum / count : 0));
}
