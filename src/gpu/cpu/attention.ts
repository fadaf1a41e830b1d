import { addProduct } from './product';
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, type HeadShape } from '../backend';

export interface CacheArrays {
  keys: Float32Array;
  values: Float32Array;
  capacity: number;
}

/** Rotates queries in place and writes rotated keys and values to the cache; see `RotateArguments`. */
export function rotateAndCache(
  projections: Float32Array,
  angles: Float32Array,
  rowTable: Uint32Array,
  cache: CacheArrays,
  heads: HeadShape,
  rows: number,
): void {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const kvWidth = keyValueHeads * headSize;
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  for (let row = 0; row < rows; row += 1) {
    const position = rowTable[row * ROW_FIELDS + ROW_POSITION]!;
    const slot = rowTable[row * ROW_FIELDS + ROW_SLOT]!;
    const cell = (slot * cache.capacity + position) * kvWidth;
    const start = row * stride;
    for (let head = 0; head < queryHeads; head += 1) {
      const at = start + head * headSize;
      rotate(projections, at, projections, at, angles, position * headSize, headSize);
    }
    const keys = start + queryHeads * headSize;
    for (let head = 0; head < keyValueHeads; head += 1) {
      const offset = head * headSize;
      rotate(projections, keys + offset, cache.keys, cell + offset, angles, position * headSize, headSize);
    }
    const values = keys + kvWidth;
    cache.values.set(projections.subarray(values, values + kvWidth), cell);
  }
}

function rotate(
  from: Float32Array,
  fromAt: number,
  to: Float32Array,
  toAt: number,
  angles: Float32Array,
  anglesAt: number,
  headSize: number,
): void {
  const half = headSize >> 1;
  for (let i = 0; i < half; i += 1) {
    const cos = angles[anglesAt + i]!;
    const sin = angles[anglesAt + half + i]!;
    const a = from[fromAt + i]!;
    const b = from[fromAt + half + i]!;
    to[toAt + i] = a * cos - b * sin;
    to[toAt + half + i] = b * cos + a * sin;
  }
}

/** Rows whose scores are computed together; more of them reuse each key oftener, and need more scratch. */
const BLOCK_ROWS = 16;

/** Causal grouped-query attention; see `AttentionArguments`. */
export class Attention {
  readonly #heads: HeadShape;
  readonly #capacity: number;
  /** Queries and sums of one key-value head's group, `[BLOCK_ROWS · group, headSize]`. */
  readonly #queries: Float32Array;
  readonly #mixed: Float32Array;
  /** `[BLOCK_ROWS · group, keys]` */
  #scores = new Float32Array(0);

  constructor(heads: HeadShape, capacity: number) {
    const group = heads.queryHeads / heads.keyValueHeads;
    this.#heads = heads;
    this.#capacity = capacity;
    this.#queries = new Float32Array(BLOCK_ROWS * group * heads.headSize);
    this.#mixed = new Float32Array(BLOCK_ROWS * group * heads.headSize);
  }

  run(
    projections: Float32Array,
    rowTable: Uint32Array,
    cache: CacheArrays,
    output: Float32Array,
    rows: number,
  ): void {
    for (let first = 0; first < rows;) {
      // Consecutive rows of one sequence share the reading of keys and values.
      const slot = rowTable[first * ROW_FIELDS + ROW_SLOT]!;
      let count = 1;
      while (
        count < BLOCK_ROWS &&
        first + count < rows &&
        rowTable[(first + count) * ROW_FIELDS + ROW_SLOT] === slot
      ) {
        count += 1;
      }
      for (let head = 0; head < this.#heads.keyValueHeads; head += 1) {
        this.#attend(projections, rowTable, cache, output, first, count, head, slot);
      }
      first += count;
    }
  }

  #attend(
    projections: Float32Array,
    rowTable: Uint32Array,
    cache: CacheArrays,
    output: Float32Array,
    first: number,
    count: number,
    head: number,
    slot: number,
  ): void {
    const { queryHeads, keyValueHeads, headSize } = this.#heads;
    const group = queryHeads / keyValueHeads;
    const projectionWidth = (queryHeads + 2 * keyValueHeads) * headSize;
    const width = group * headSize;
    let keys = 0;
    for (let i = 0; i < count; i += 1) {
      const at = (first + i) * projectionWidth + head * width;
      this.#queries.set(projections.subarray(at, at + width), i * width);
      keys = Math.max(keys, rowTable[(first + i) * ROW_FIELDS + ROW_POSITION]! + 1);
    }
    if (this.#scores.length < BLOCK_ROWS * group * keys) {
      this.#scores = new Float32Array(BLOCK_ROWS * group * Math.min(this.#capacity, 2 * keys));
    }
    const rows = count * group;
    const rowStride = keyValueHeads * headSize;
    const start = slot * this.#capacity * rowStride + head * headSize;
    const scores = { array: this.#scores.fill(0, 0, rows * keys), start: 0, rowStride: keys };
    const queries = { array: this.#queries, start: 0, rowStride: headSize };
    const shape = { rows, columns: keys, depth: headSize };
    addProduct(scores, queries, { array: cache.keys, start, rowStride }, 1, shape);
    for (let row = 0; row < rows; row += 1) {
      const position = rowTable[(first + Math.floor(row / group)) * ROW_FIELDS + ROW_POSITION]!;
      softmax(this.#scores, row * keys, position + 1, keys, 1 / Math.sqrt(headSize));
    }
    const mixed = { array: this.#mixed.fill(0), start: 0, rowStride: headSize };
    const values = { array: cache.values, start, rowStride: 1 };
    addProduct(mixed, scores, values, rowStride, { rows, columns: headSize, depth: keys });
    for (let i = 0; i < count; i += 1) {
      const at = (first + i) * queryHeads * headSize + head * width;
      output.set(this.#mixed.subarray(i * width, (i + 1) * width), at);
    }
  }
}

/** Softmax of `scale · scores` over the first `count` of `width` elements from `start`; the rest becomes 0. */
function softmax(scores: Float32Array, start: number, count: number, width: number, scale: number): void {
  let maximum = -Infinity;
  for (let i = start; i < start + count; i += 1) if (scores[i]! > maximum) maximum = scores[i]!;
  let total = 0;
  for (let i = start; i < start + count; i += 1) {
    const weight = Math.exp((scores[i]! - maximum) * scale);
    scores[i] = weight;
    total += weight;
  }
  for (let i = start; i < start + count; i += 1) scores[i]! /= total;
  scores.fill(0, start + count, start + width);
}
