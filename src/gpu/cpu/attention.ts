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

/** Causal grouped-query attention, one query head of one row at a time; see `AttentionArguments`. */
export class Attention {
  readonly #heads: HeadShape;
  readonly #scores: Float64Array;
  readonly #sums: Float64Array;

  constructor(heads: HeadShape, capacity: number) {
    this.#heads = heads;
    this.#scores = new Float64Array(capacity);
    this.#sums = new Float64Array(heads.headSize);
  }

  run(
    projections: Float32Array,
    rowTable: Uint32Array,
    cache: CacheArrays,
    output: Float32Array,
    rows: number,
  ): void {
    const { queryHeads, keyValueHeads, headSize } = this.#heads;
    const group = queryHeads / keyValueHeads;
    const stride = (queryHeads + 2 * keyValueHeads) * headSize;
    for (let row = 0; row < rows; row += 1) {
      const count = rowTable[row * ROW_FIELDS + ROW_POSITION]! + 1;
      const base = rowTable[row * ROW_FIELDS + ROW_SLOT]! * cache.capacity * keyValueHeads * headSize;
      for (let head = 0; head < queryHeads; head += 1) {
        const kv = base + Math.floor(head / group) * headSize;
        const query = row * stride + head * headSize;
        const total = this.#score(projections, query, cache.keys, kv, count);
        this.#mix(cache.values, kv, count, total, output, (row * queryHeads + head) * headSize);
      }
    }
  }

  /** Fills the scores with exp(q·k/√d − max) and returns their sum. */
  #score(queries: Float32Array, query: number, keys: Float32Array, kv: number, count: number): number {
    const { keyValueHeads, headSize } = this.#heads;
    const scores = this.#scores;
    const stride = keyValueHeads * headSize;
    const scale = 1 / Math.sqrt(headSize);
    const paired = count - (count % 4);
    let maximum = -Infinity;
    for (let key = 0; key < paired; key += 4) {
      const k0 = kv + key * stride;
      const k1 = k0 + stride;
      const k2 = k1 + stride;
      const k3 = k2 + stride;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let i = 0; i < headSize; i += 1) {
        const q = queries[query + i]!;
        s0 += q * keys[k0 + i]!;
        s1 += q * keys[k1 + i]!;
        s2 += q * keys[k2 + i]!;
        s3 += q * keys[k3 + i]!;
      }
      scores[key] = s0 * scale;
      scores[key + 1] = s1 * scale;
      scores[key + 2] = s2 * scale;
      scores[key + 3] = s3 * scale;
      maximum = Math.max(maximum, s0 * scale, s1 * scale, s2 * scale, s3 * scale);
    }
    for (let key = paired; key < count; key += 1) {
      let sum = 0;
      for (let i = 0; i < headSize; i += 1) sum += queries[query + i]! * keys[kv + key * stride + i]!;
      scores[key] = sum * scale;
      maximum = Math.max(maximum, sum * scale);
    }
    let total = 0;
    for (let key = 0; key < count; key += 1) {
      const weight = Math.exp(scores[key]! - maximum);
      scores[key] = weight;
      total += weight;
    }
    return total;
  }

  #mix(
    values: Float32Array,
    kv: number,
    count: number,
    total: number,
    output: Float32Array,
    out: number,
  ): void {
    const { keyValueHeads, headSize } = this.#heads;
    const scores = this.#scores;
    const sums = this.#sums.fill(0);
    const stride = keyValueHeads * headSize;
    const paired = count - (count % 4);
    for (let key = 0; key < paired; key += 4) {
      const v0 = kv + key * stride;
      const v1 = v0 + stride;
      const v2 = v1 + stride;
      const v3 = v2 + stride;
      const w0 = scores[key]!;
      const w1 = scores[key + 1]!;
      const w2 = scores[key + 2]!;
      const w3 = scores[key + 3]!;
      for (let i = 0; i < headSize; i += 1) {
        sums[i]! += w0 * values[v0 + i]! + w1 * values[v1 + i]! + w2 * values[v2 + i]! + w3 * values[v3 + i]!;
      }
    }
    for (let key = paired; key < count; key += 1) {
      const weight = scores[key]!;
      for (let i = 0; i < headSize; i += 1) sums[i]! += weight * values[kv + key * stride + i]!;
    }
    for (let i = 0; i < headSize; i += 1) output[out + i] = sums[i]! / total;
  }
}
