import { Rotation } from './rotation';
import {
  requireDimensions,
  requireLength,
  requireQuery,
  requireVector,
  strideOf,
  wholeNumbers,
} from './shape';
import type { RowScorer, RowShape } from './shape';

/** Bit planes of a query's component. */
export const PLANES = 8;
const LARGEST_QUERY = 127;
/** Bits of a block of 16 bytes. */
const BLOCK = 128;

export interface SignParts {
  /** [count, stride] bytes; bit b of a row's byte i is component 8 i + b of the rotated row. */
  codes: Uint8Array;
  /** [count]: |c|² / Σ|c'|, of the centred row c and its rotation c'. */
  scales: Float32Array;
  /** [count]: mean · (row − mean). */
  products: Float32Array;
  /** [dimensions] */
  mean: Float32Array;
  seed: number;
}

export interface SignScorer extends RowScorer {
  /** Bit planes for each block of 128 components in turn: [blocks, 8, 16] bytes. */
  readonly query: Uint8Array;
  readonly step: number;
  readonly constant: number;
  /** The sum of the query's whole numbers. */
  readonly total: number;
}

/** Bits of a row: whole blocks, and at least three for short vectors, whose signs alone say too little. */
export const signBits = (dimensions: number): number =>
  Math.ceil(Math.max(dimensions, MINIMUM_BITS) / BLOCK) * BLOCK;
const MINIMUM_BITS = 384;

/**
 * One bit a component: the sign of the centred row after a rotation, with RaBitQ's unbiased estimate of the inner product,
 * q·x ≈ q·μ + f · Σ ±(q − μ)' + μ·c. The query is rounded to 8 bits, so that sums are exact and every backend chooses the same candidates;
 * these are then scored by better rows.
 */
export class SignRows implements RowShape, SignParts {
  readonly dtype = 'sign';
  readonly dimensions: number;
  /** Bytes of a row. */
  readonly stride: number;
  readonly count: number;
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly products: Float32Array;
  readonly mean: Float32Array;
  readonly seed: number;
  readonly rotation: Rotation;

  constructor({ codes, scales, products, mean, seed }: SignParts) {
    requireDimensions(mean.length);
    this.dimensions = mean.length;
    const bits = signBits(mean.length);
    this.stride = strideOf(bits / 8, 1);
    this.count = scales.length;
    requireLength('signs', codes.length, this.count * this.stride);
    requireLength('products', products.length, this.count);
    this.codes = codes;
    this.scales = scales;
    this.products = products;
    this.mean = mean;
    this.seed = seed;
    this.rotation = new Rotation(bits, seed);
  }

  get bytes(): number {
    const { codes, scales, products, mean } = this;
    return codes.byteLength + scales.byteLength + products.byteLength + mean.byteLength;
  }

  /** @throws AppError BAD_INPUT */
  scorer(given: Float32Array): SignScorer {
    const { codes, scales, products, mean, dimensions, stride, rotation } = this;
    requireQuery(given, dimensions);
    const rotated = new Float64Array(rotation.size);
    let constant = 0;
    given.forEach((value, i) => {
      rotated[i] = value - (mean[i] ?? 0);
      constant += value * (mean[i] ?? 0);
    });
    rotation.apply(rotated);
    const whole = new Int8Array(rotation.size);
    const { step, total } = wholeNumbers(rotated, LARGEST_QUERY, whole);
    const score = (row: number): number => {
      let sum = 0;
      for (let i = 0; i < stride; i += 1) {
        const bits = codes[row * stride + i] ?? 0;
        for (let b = 0; b < 8; b += 1) if (bits & (1 << b)) sum += whole[8 * i + b] ?? 0;
      }
      return step * (scales[row] ?? 0) * (2 * sum - total) + (products[row] ?? 0) + constant;
    };
    return { query: planesOf(whole), step, constant, total, score };
  }
}

function planesOf(whole: Int8Array): Uint8Array {
  const planes = new Uint8Array((whole.length / BLOCK) * PLANES * 16);
  whole.forEach((value, i) => {
    const [block, within] = [Math.floor(i / BLOCK), i % BLOCK];
    for (let plane = 0; plane < PLANES; plane += 1) {
      if (!((value >> plane) & 1)) continue;
      const at = (block * PLANES + plane) * 16 + (within >> 3);
      planes[at] = (planes[at] ?? 0) | (1 << (within & 7));
    }
  });
  return planes;
}

/** Takes vectors one by one into rows made by `emptySignRows`. */
export class SignRowWriter {
  readonly #rows: SignRows;
  readonly #centred: Float64Array;

  constructor(rows: SignRows) {
    this.#rows = rows;
    this.#centred = new Float64Array(rows.rotation.size);
  }

  /** @throws AppError BAD_INPUT */
  write(row: number, vector: Float32Array): void {
    const { codes, scales, products, mean, stride, dimensions, rotation } = this.#rows;
    requireVector(vector, row, dimensions);
    const centred = this.#centred.fill(0);
    let [squares, product, lengths] = [0, 0, 0];
    for (let i = 0; i < dimensions; i += 1) {
      const value = (vector[i] ?? 0) - (mean[i] ?? 0);
      centred[i] = value;
      squares += value * value;
      product += (mean[i] ?? 0) * value;
    }
    rotation.apply(centred);
    codes.fill(0, row * stride, (row + 1) * stride);
    centred.forEach((value, i) => {
      lengths += Math.abs(value);
      const at = row * stride + (i >> 3);
      if (value >= 0) codes[at] = (codes[at] ?? 0) | (1 << (i & 7));
    });
    scales[row] = lengths > 0 ? squares / lengths : 0;
    products[row] = product;
  }
}

export const emptySignRows = (count: number, mean: Float32Array, seed = 1): SignRows =>
  new SignRows({
    codes: new Uint8Array(count * (signBits(mean.length) / 8)),
    ...{ scales: new Float32Array(count), products: new Float32Array(count), mean, seed },
  });
