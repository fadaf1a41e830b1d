import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, type HeadShape } from '../../backend';
import { ATTENTION_FIELDS, ROW_FOLLOWING } from '../../training';
import type { CacheViews } from '../attention';
import type { Kernels, MatrixView } from '../kernels';
import type { Floats, Scratch, View } from '../memory';

export interface AttentionGradientViews {
  projections: Floats;
  rowTable: View<Uint32Array>;
  cache: CacheViews;
  output: Floats;
  outputGradient: Floats;
  statistics: Floats;
  gradient: Floats;
}

/** Rows whose scores are there at a time; what they look at beyond the diagonal is wasted. */
const BLOCK_ROWS = 32;

/**
 * P = exp(scale·Q·Kᵀ − L), dV = Pᵀ·dO, dP = dO·Vᵀ, dS = P∘(dP − D)·scale, dQ = dS·K, dK = dSᵀ·Q, with D = Σ dO·O; for a block of
 * rows of one sequence and one query head at a time.
 */
export function attentionGradient(
  kernels: Kernels,
  views: AttentionGradientViews,
  heads: HeadShape,
  rows: number,
  scratch: { weights: Scratch; slopes: Scratch },
): void {
  const stride = (heads.queryHeads + 2 * heads.keyValueHeads) * heads.headSize;
  views.gradient.array.fill(0, 0, rows * stride);
  for (let first = 0; first < rows;) {
    const count = views.rowTable.array[first * ROW_FIELDS + ROW_FOLLOWING]! + 1;
    const most = Math.min(BLOCK_ROWS, count) * count;
    const [weights, slopes] = [scratch.weights.take(most), scratch.slopes.take(most)];
    // Anew: where the memory has grown for these, an array taken before lies no longer in it.
    const table = views.rowTable.array;
    const sequence = {
      ...{ first, weights, slopes },
      slot: table[first * ROW_FIELDS + ROW_SLOT]!,
      position: table[first * ROW_FIELDS + ROW_POSITION]!,
    };
    for (let head = 0; head < heads.queryHeads; head += 1) {
      for (let begin = 0; begin < count; begin += BLOCK_ROWS) {
        const end = Math.min(count, begin + BLOCK_ROWS);
        attendBackward(kernels, views, heads, sequence, { head, begin, end });
      }
    }
    first += count;
  }
}

interface Sequence {
  /** Its first row, and that one's place in the cache. */
  first: number;
  slot: number;
  position: number;
  weights: Floats;
  slopes: Floats;
}

/** Rows `begin` … `end − 1` of a sequence, which see the keys before `end`. */
function attendBackward(
  kernels: Kernels,
  { projections, cache, output, outputGradient, statistics, gradient }: AttentionGradientViews,
  { queryHeads, keyValueHeads, headSize }: HeadShape,
  { first, slot, position, weights, slopes }: Sequence,
  { head, begin, end }: { head: number; begin: number; end: number },
): void {
  const keyHead = Math.floor((head * keyValueHeads) / queryHeads);
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  const outWidth = queryHeads * headSize;
  const keyStride = keyValueHeads * headSize;
  const keyStart = (slot * cache.capacity + position) * keyStride + keyHead * headSize;
  const [count, keys] = [end - begin, end];
  const place = (of: Floats, row: number, rowStride: number, column: number): MatrixView => ({
    ...{ of, start: row * rowStride + column * headSize, rowStride },
  });
  /** The same matrix, its columns taken as rows. */
  const turned = ({ of, start, rowStride }: MatrixView): MatrixView => ({
    ...{ of, start, rowStride: 1, depthStride: rowStride },
  });
  const q = place(projections, first + begin, stride, head);
  const dO = place(outputGradient, first + begin, outWidth, head);
  const k = { of: cache.keys, start: keyStart, rowStride: keyStride };
  const v = { of: cache.values, start: keyStart, rowStride: keyStride };
  const p = { of: weights, start: 0, rowStride: keys };
  const dS = { of: slopes, start: 0, rowStride: keys };
  weights.array.fill(0, 0, count * keys);
  slopes.array.fill(0, 0, count * keys);
  const toKeys = { rows: count, columns: keys, depth: headSize };
  kernels.addProduct(p, q, k, toKeys);
  kernels.addProduct(dS, dO, v, toKeys);
  const scale = 1 / Math.sqrt(headSize);
  for (let row = 0; row < count; row += 1) {
    const seen = begin + row + 1;
    const logSumExp = kernels.softmax(weights, row * keys, seen, keys, scale);
    const delta = dot(output.array, outputGradient.array, dO.start + row * outWidth, headSize);
    kernels.scoreGradient(weights, slopes, row * keys, keys, delta, scale);
    const statistic = ((first + begin + row) * queryHeads + head) * ATTENTION_FIELDS;
    statistics.array[statistic] = logSumExp;
    statistics.array[statistic + 1] = delta;
  }
  const dQ = place(gradient, first + begin, stride, head);
  kernels.addProduct(dQ, dS, turned(k), { rows: count, columns: headSize, depth: keys });
  const fromRows = { rows: keys, columns: headSize, depth: count };
  const dK = place(gradient, first, stride, queryHeads + keyHead);
  kernels.addProduct(dK, turned(dS), turned(q), fromRows);
  const dV = place(gradient, first, stride, queryHeads + keyValueHeads + keyHead);
  kernels.addProduct(dV, turned(p), turned(dO), fromRows);
}

function dot(a: Float32Array, b: Float32Array, start: number, count: number): number {
  let sum = 0;
  for (let i = start; i < start + count; i += 1) sum += a[i]! * b[i]!;
  return sum;
}
