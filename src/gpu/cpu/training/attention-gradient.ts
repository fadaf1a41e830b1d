import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, type HeadShape } from '../../backend';
import { ATTENTION_FIELDS, ROW_FOLLOWING } from '../../training';
import type { CacheArrays } from '../attention';
import { addProduct } from '../product';

export interface AttentionGradientArrays {
  projections: Float32Array;
  rowTable: Uint32Array;
  cache: CacheArrays;
  output: Float32Array;
  outputGradient: Float32Array;
  statistics: Float32Array;
  gradient: Float32Array;
}

/**
 * P = exp(scale·Q·Kᵀ − L), dV = Pᵀ·dO, dP = dO·Vᵀ, dS = P∘(dP − D)·scale, dQ = dS·K, dK = dSᵀ·Q, with D = Σ dO·O; one sequence
 * and one query head at a time.
 */
export function attentionGradient(a: AttentionGradientArrays, heads: HeadShape, rows: number): void {
  const stride = (heads.queryHeads + 2 * heads.keyValueHeads) * heads.headSize;
  a.gradient.fill(0, 0, rows * stride);
  for (let first = 0; first < rows;) {
    const count = a.rowTable[first * ROW_FIELDS + ROW_FOLLOWING]! + 1;
    for (let head = 0; head < heads.queryHeads; head += 1) oneHead(a, heads, first, count, head);
    first += count;
  }
}

function oneHead(
  a: AttentionGradientArrays,
  { queryHeads, keyValueHeads, headSize }: HeadShape,
  first: number,
  count: number,
  head: number,
): void {
  const keyHead = Math.floor((head * keyValueHeads) / queryHeads);
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  const scale = 1 / Math.sqrt(headSize);
  const slot = a.rowTable[first * ROW_FIELDS + ROW_SLOT]!;
  const keyStride = keyValueHeads * headSize;
  const position = a.rowTable[first * ROW_FIELDS + ROW_POSITION]!;
  const keyStart = (slot * a.cache.capacity + position) * keyStride + keyHead * headSize;
  const q = { array: a.projections, start: first * stride + head * headSize, rowStride: stride };
  const outWidth = queryHeads * headSize;
  const dO = { array: a.outputGradient, start: first * outWidth + head * headSize, rowStride: outWidth };
  const keys = { array: a.cache.keys, start: keyStart, rowStride: keyStride };
  const values = { array: a.cache.values, start: keyStart, rowStride: keyStride };
  const square = { rows: count, columns: count, depth: headSize };
  const p = { array: new Float32Array(count * count), start: 0, rowStride: count };
  const dS = { array: new Float32Array(count * count), start: 0, rowStride: count };
  addProduct(p, q, keys, 1, square);
  addProduct(dS, dO, values, 1, square);
  for (let row = 0; row < count; row += 1) {
    const at = row * count;
    const logSumExp = softmaxInPlace(p.array, at, row + 1, count, scale);
    let delta = 0;
    for (let i = 0; i < headSize; i += 1) {
      const place = (first + row) * outWidth + head * headSize + i;
      delta += a.outputGradient[place]! * a.output[place]!;
    }
    for (let k = 0; k < count; k += 1)
      dS.array[at + k] = p.array[at + k]! * (dS.array[at + k]! - delta) * scale;
    const statistic = ((first + row) * queryHeads + head) * ATTENTION_FIELDS;
    a.statistics[statistic] = logSumExp;
    a.statistics[statistic + 1] = delta;
  }
  const mixed = { rows: count, columns: headSize, depth: count };
  const part = (column: number): { array: Float32Array; start: number; rowStride: number } => ({
    array: a.gradient,
    start: first * stride + column,
    rowStride: stride,
  });
  const column = (view: typeof keys): typeof keys => ({ ...view, rowStride: 1 });
  addProduct(part(head * headSize), dS, column(keys), keyStride, mixed);
  transpose(dS.array, count);
  addProduct(part((queryHeads + keyHead) * headSize), dS, column(q), stride, mixed);
  transpose(p.array, count);
  addProduct(part((queryHeads + keyValueHeads + keyHead) * headSize), p, column(dO), outWidth, mixed);
}

/** Softmax of the first `count` of `width` scaled scores, 0 after them; returns their log Σ exp. */
function softmaxInPlace(p: Float32Array, at: number, count: number, width: number, scale: number): number {
  let maximum = -Infinity;
  for (let i = at; i < at + count; i += 1) maximum = Math.max(maximum, p[i]! * scale);
  let total = 0;
  for (let i = at; i < at + count; i += 1) total += Math.exp(p[i]! * scale - maximum);
  const logSumExp = maximum + Math.log(total);
  for (let i = at; i < at + count; i += 1) p[i] = Math.exp(p[i]! * scale - logSumExp);
  p.fill(0, at + count, at + width);
  return logSumExp;
}

function transpose(square: Float32Array, size: number): void {
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < row; column += 1) {
      const [a, b] = [row * size + column, column * size + row];
      const value = square[a]!;
      square[a] = square[b]!;
      square[b] = value;
    }
  }
}
