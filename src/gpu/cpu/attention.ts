import type { Kernels } from './kernels';
import type { Floats, Scratch, View } from './memory';
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, type HeadShape } from '../backend';

export interface CacheViews {
  keys: Floats;
  values: Floats;
  capacity: number;
}

/** Rotates queries in place and writes rotated keys and values to the cache; see `RotateArguments`. */
export function rotateAndCache(
  projections: Float32Array,
  angles: Float32Array,
  rowTable: Uint32Array,
  cache: CacheViews,
  heads: HeadShape,
  rows: number,
): void {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const kvWidth = keyValueHeads * headSize;
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  const { array: toKeys } = cache.keys;
  const { array: toValues } = cache.values;
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
      rotate(projections, keys + offset, toKeys, cell + offset, angles, position * headSize, headSize);
    }
    const values = keys + kvWidth;
    toValues.set(projections.subarray(values, values + kvWidth), cell);
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

/** Rows whose scores are computed together; more of them reuse each key oftener, and waste more beyond the diagonal. */
const BLOCK_ROWS = 16;

export interface AttentionViews {
  projections: Floats;
  rowTable: View<Uint32Array>;
  cache: CacheViews;
  /** `[rows, queryHeads · headSize]` */
  output: Floats;
}

/** Causal grouped-query attention; see `AttentionArguments`. `scratch` holds the scores of a block, `[BLOCK_ROWS, keys]`. */
export function attention(
  kernels: Kernels,
  views: AttentionViews,
  heads: HeadShape,
  rows: number,
  scratch: Scratch,
): void {
  // Looked up anew each time: where the memory grows for the scratch, an array taken before lies no longer in it.
  const field = (row: number, which: number): number => views.rowTable.array[row * ROW_FIELDS + which]!;
  const slotOf = (row: number): number => field(row, ROW_SLOT);
  views.output.array.fill(0, 0, rows * heads.queryHeads * heads.headSize);
  for (let first = 0; first < rows;) {
    // Consecutive rows of one sequence share the reading of keys and values.
    let count = 1;
    while (count < BLOCK_ROWS && first + count < rows && slotOf(first + count) === slotOf(first)) count += 1;
    let keys = 0;
    for (let row = first; row < first + count; row += 1) {
      keys = Math.max(keys, field(row, ROW_POSITION) + 1);
    }
    const scores = scratch.take(count * keys);
    for (let head = 0; head < heads.queryHeads; head += 1) {
      attend(kernels, views, heads, scores, { first, count, keys, head, slot: slotOf(first) });
    }
    first += count;
  }
}

interface Block {
  first: number;
  count: number;
  /** How many keys the row of the highest position sees. */
  keys: number;
  head: number;
  slot: number;
}

function attend(
  kernels: Kernels,
  { projections, rowTable, cache, output }: AttentionViews,
  { queryHeads, keyValueHeads, headSize }: HeadShape,
  scores: Floats,
  { first, count, keys, head, slot }: Block,
): void {
  const width = (queryHeads + 2 * keyValueHeads) * headSize;
  const keyHead = Math.floor((head * keyValueHeads) / queryHeads);
  const keyStride = keyValueHeads * headSize;
  const start = slot * cache.capacity * keyStride + keyHead * headSize;
  const queries = { of: projections, start: first * width + head * headSize, rowStride: width };
  const weights = { of: scores, start: 0, rowStride: keys };
  scores.array.fill(0, 0, count * keys);
  const shape = { rows: count, columns: keys, depth: headSize };
  kernels.addProduct(weights, queries, { of: cache.keys, start, rowStride: keyStride }, shape);
  for (let row = 0; row < count; row += 1) {
    const seen = rowTable.array[(first + row) * ROW_FIELDS + ROW_POSITION]! + 1;
    kernels.softmax(scores, row * keys, seen, keys, 1 / Math.sqrt(headSize));
  }
  const outWidth = queryHeads * headSize;
  const mixed = { of: output, start: first * outWidth + head * headSize, rowStride: outWidth };
  const values = { of: cache.values, start, rowStride: 1, depthStride: keyStride };
  kernels.addProduct(mixed, weights, values, { rows: count, columns: headSize, depth: keys });
}
