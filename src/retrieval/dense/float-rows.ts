import { halfValues, toHalf } from '../../gpu/half';
import {
  badRow,
  isComponent,
  requireDimensions,
  requireLength,
  requireQuery,
  strideOf,
  type RowScorer,
  type RowShape,
} from './shape';

/** Rounding of a 32-bit operation, in whichever direction. */
const UNIT = 2 ** -23;

export interface FloatScorer extends RowScorer {
  /** The query, zeros after it up to the stride. */
  readonly query: Float32Array;
  /** No 32-bit sum of a row's products, in whatever order, is farther from its score. */
  readonly slack: number;
}

/**
 * Vectors as they are, in 32 or 16 bits. A score is the inner product: sums in 64 bits, in one fixed order, rounded to 32 bits once, so
 * equal rows tie exactly on every machine.
 */
export class FloatRows implements RowShape {
  readonly dtype: 'f32' | 'f16';
  readonly data: Float32Array | Uint16Array;
  readonly dimensions: number;
  readonly stride: number;
  readonly count: number;
  /** Length of the longest row. */
  readonly largest: number;

  /**
   * `data` [count, stride]; halves by their bits. `largest` is given for rows that have been looked at before.
   * @throws AppError BAD_INPUT for a component that is not finite
   */
  constructor(data: Float32Array | Uint16Array, dimensions: number, count: number, largest?: number) {
    requireDimensions(dimensions);
    this.dtype = data instanceof Float32Array ? 'f32' : 'f16';
    this.data = data;
    this.dimensions = dimensions;
    this.stride = strideOf(dimensions, data.BYTES_PER_ELEMENT);
    this.count = count;
    requireLength('rows', data.length, count * this.stride);
    this.largest = largest ?? this.#measure();
  }

  get bytes(): number {
    return this.data.byteLength;
  }

  rowAt(row: number): Float32Array {
    const { data, dimensions, stride } = this;
    const values = data.subarray(row * stride, row * stride + dimensions);
    return values instanceof Float32Array
      ? values.slice()
      : Float32Array.from(values, (half) => halfValues()[half] ?? NaN);
  }

  /** @throws AppError BAD_INPUT */
  scorer(given: Float32Array): FloatScorer {
    const { data, dimensions, stride } = this;
    requireQuery(given, dimensions);
    const query = new Float32Array(stride);
    query.set(given);
    const length = Math.hypot(...blocks(query));
    const slack = (stride + 16) * UNIT * length * this.largest + Number.MIN_VALUE;
    const score =
      data instanceof Float32Array
        ? (row: number) => dot(query, data, row * stride, dimensions)
        : (row: number) => dotHalves(query, data, row * stride, dimensions);
    return { query, slack: slack + stride * 2 ** -120, score };
  }

  #measure(): number {
    let largest = 0;
    for (let row = 0; row < this.count; row += 1) {
      let squares = 0;
      const start = row * this.stride;
      for (let i = start; i < start + this.dimensions; i += 1) {
        const value = this.data instanceof Float32Array ? this.data[i] : halfValues()[this.data[i] ?? 0];
        if (value === undefined || !isComponent(value)) throw badRow(row);
        squares += value * value;
      }
      largest = Math.max(largest, squares);
    }
    return Math.sqrt(largest);
  }
}

/** Lengths of stretches: `Math.hypot` takes no more arguments than fit on the stack. */
function blocks(values: Float32Array): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < values.length; at += 1024)
    lengths.push(Math.hypot(...values.subarray(at, at + 1024)));
  return lengths;
}

function dot(a: Float32Array, b: Float32Array, offset: number, n: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += (a[i] ?? 0) * (b[offset + i] ?? 0);
    s1 += (a[i + 1] ?? 0) * (b[offset + i + 1] ?? 0);
    s2 += (a[i + 2] ?? 0) * (b[offset + i + 2] ?? 0);
    s3 += (a[i + 3] ?? 0) * (b[offset + i + 3] ?? 0);
  }
  for (; i < n; i++) s0 += (a[i] ?? 0) * (b[offset + i] ?? 0);
  return Math.fround(s0 + s1 + (s2 + s3));
}

function dotHalves(a: Float32Array, b: Uint16Array, offset: number, n: number): number {
  const values = halfValues();
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += (a[i] ?? 0) * (values[b[offset + i] ?? 0] ?? 0);
    s1 += (a[i + 1] ?? 0) * (values[b[offset + i + 1] ?? 0] ?? 0);
    s2 += (a[i + 2] ?? 0) * (values[b[offset + i + 2] ?? 0] ?? 0);
    s3 += (a[i + 3] ?? 0) * (values[b[offset + i + 3] ?? 0] ?? 0);
  }
  for (; i < n; i++) s0 += (a[i] ?? 0) * (values[b[offset + i] ?? 0] ?? 0);
  return Math.fround(s0 + s1 + (s2 + s3));
}

/** A matrix [count, dimensions] of f32 with rows at multiples of 16 bytes; the matrix itself where they are already. */
export function floatRows(matrix: Float32Array, dimensions: number, dtype: 'f32' | 'f16' = 'f32'): FloatRows {
  requireDimensions(dimensions);
  const count = matrix.length / dimensions;
  requireLength('components', matrix.length, Math.floor(count) * dimensions);
  const stride = strideOf(dimensions, dtype === 'f32' ? 4 : 2);
  if (dtype === 'f32' && stride === dimensions) return new FloatRows(matrix, dimensions, count);
  const data = dtype === 'f32' ? new Float32Array(count * stride) : new Uint16Array(count * stride);
  for (let row = 0; row < count; row += 1) {
    for (let i = 0; i < dimensions; i += 1) {
      const value = matrix[row * dimensions + i] ?? NaN;
      if (!isComponent(value)) throw badRow(row);
      data[row * stride + i] = dtype === 'f32' ? value : toHalf(value);
    }
  }
  return new FloatRows(data, dimensions, count);
}
