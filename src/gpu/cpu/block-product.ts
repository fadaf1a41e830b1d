/** Products of one row with quantised weights, which are widened in registers: for decode, where each is used once. */
import { GROUP } from '../blocks';
import { halfValues } from '../half';

export interface BlockMatrix {
  type: 'q8' | 'q4';
  values: Uint8Array;
  scales: Uint16Array;
  /** Scales from one row to the next. */
  stride: number;
  columns: number;
}

/**
 * `y[yStart + n] += Σ_k x[xStart + k] · w[n, k]` for all n that make up whole quads from row 0 on; returns how many those
 * are. Four rows of weights share the reading of x.
 */
export function addBlockProduct(
  y: Float32Array,
  yStart: number,
  x: Float32Array,
  xStart: number,
  matrix: BlockMatrix,
  outputs: number,
): number {
  const whole = outputs - (outputs % 4);
  if (matrix.type === 'q8') addQ8(y, yStart, x, xStart, matrix, whole);
  else addQ4(y, yStart, x, xStart, matrix, whole);
  return whole;
}

/** 8·Σ x of each group: Σ x·(q − 8) is taken as Σ x·q − 8·Σ x, whose second sum all rows of weights share. */
function groupOffsets(x: Float32Array, start: number, columns: number): Float64Array {
  const sums = new Float64Array(columns / GROUP);
  for (let k = 0; k < columns; k += 1) sums[Math.floor(k / GROUP)]! += 8 * x[start + k]!;
  return sums;
}

function addQ8(
  y: Float32Array,
  yStart: number,
  x: Float32Array,
  xStart: number,
  { values, scales, stride, columns }: BlockMatrix,
  outputs: number,
): void {
  const w = new Int8Array(values.buffer, values.byteOffset, values.length);
  const halves = halfValues();
  const half = GROUP / 2;
  for (let n = 0; n < outputs; n += 4) {
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    let w0 = n * columns;
    let w1 = w0 + columns;
    let w2 = w1 + columns;
    let w3 = w2 + columns;
    let scale = n * stride;
    for (let k = xStart; k < xStart + columns; k += GROUP) {
      let a0 = 0;
      let a1 = 0;
      let a2 = 0;
      let a3 = 0;
      for (let i = 0; i < half; i += 1) {
        const p = x[k + i]!;
        const q = x[k + half + i]!;
        a0 += p * w[w0 + i]! + q * w[w0 + half + i]!;
        a1 += p * w[w1 + i]! + q * w[w1 + half + i]!;
        a2 += p * w[w2 + i]! + q * w[w2 + half + i]!;
        a3 += p * w[w3 + i]! + q * w[w3 + half + i]!;
      }
      sum0 += a0 * halves[scales[scale]!]!;
      sum1 += a1 * halves[scales[scale + stride]!]!;
      sum2 += a2 * halves[scales[scale + 2 * stride]!]!;
      sum3 += a3 * halves[scales[scale + 3 * stride]!]!;
      w0 += GROUP;
      w1 += GROUP;
      w2 += GROUP;
      w3 += GROUP;
      scale += 1;
    }
    y[yStart + n]! += sum0;
    y[yStart + n + 1]! += sum1;
    y[yStart + n + 2]! += sum2;
    y[yStart + n + 3]! += sum3;
  }
}

function addQ4(
  y: Float32Array,
  yStart: number,
  x: Float32Array,
  xStart: number,
  { values: w, scales, stride, columns }: BlockMatrix,
  outputs: number,
): void {
  const halves = halfValues();
  const half = GROUP / 2;
  const rowBytes = columns / 2;
  const offsets = groupOffsets(x, xStart, columns);
  for (let n = 0; n < outputs; n += 4) {
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    let w0 = n * rowBytes;
    let w1 = w0 + rowBytes;
    let w2 = w1 + rowBytes;
    let w3 = w2 + rowBytes;
    let scale = n * stride;
    let group = 0;
    for (let k = xStart; k < xStart + columns; k += GROUP) {
      const offset = offsets[group]!;
      let a0 = -offset;
      let a1 = -offset;
      let a2 = -offset;
      let a3 = -offset;
      for (let i = 0; i < half; i += 1) {
        const p = x[k + i]!;
        const q = x[k + half + i]!;
        let byte = w[w0 + i]!;
        a0 += p * (byte & 15) + q * (byte >> 4);
        byte = w[w1 + i]!;
        a1 += p * (byte & 15) + q * (byte >> 4);
        byte = w[w2 + i]!;
        a2 += p * (byte & 15) + q * (byte >> 4);
        byte = w[w3 + i]!;
        a3 += p * (byte & 15) + q * (byte >> 4);
      }
      sum0 += a0 * halves[scales[scale]!]!;
      sum1 += a1 * halves[scales[scale + stride]!]!;
      sum2 += a2 * halves[scales[scale + 2 * stride]!]!;
      sum3 += a3 * halves[scales[scale + 3 * stride]!]!;
      w0 += half;
      w1 += half;
      w2 += half;
      w3 += half;
      scale += 1;
      group += 1;
    }
    y[yStart + n]! += sum0;
    y[yStart + n + 1]! += sum1;
    y[yStart + n + 2]! += sum2;
    y[yStart + n + 3]! += sum3;
  }
}
