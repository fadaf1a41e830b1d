/**
 * The one inner loop of the CPU backend: a matrix product with free strides, which serves linear layers, attention scores
 * and the mixing of values. Sums are kept in f64 registers, twelve (3 rows × 4 columns) at a time: this is both the
 * accurate oracle for the GPU kernels and, in V8, about twice as fast as rounding every step to f32.
 */

export interface PlainMatrix {
  array: Float32Array;
  /** First element. */
  start: number;
  /** From one row to the next. */
  rowStride: number;
}

export interface ProductShape {
  rows: number;
  columns: number;
  /** Length of the sums. */
  depth: number;
}

/**
 * `y[m, n] += Σ_k x[m, k] · w[n, k]` for m < rows, n < columns, k < depth. Elements of a row of x and y lie side by side;
 * those of a row of w are `depthStride` apart, so that a transposed matrix can be read in place.
 */
export function addProduct(
  y: PlainMatrix,
  x: PlainMatrix,
  w: PlainMatrix,
  depthStride: number,
  { rows, columns, depth }: ProductShape,
): void {
  const wideRows = rows - (rows % 3);
  const wideColumns = columns - (columns % 4);
  // A block of w (≤ 128 KiB) stays in the cache while all rows pass it.
  const block = Math.max(4, Math.floor(32768 / depth / 4) * 4);
  for (let from = 0; from < wideColumns; from += block) {
    const to = Math.min(wideColumns, from + block);
    for (let row = 0; row < wideRows; row += 3) tile3x4(y, x, w, depthStride, depth, row, from, to);
    for (let row = wideRows; row < rows; row += 1) tile1x4(y, x, w, depthStride, depth, row, from, to);
  }
  for (let column = wideColumns; column < columns; column += 1) {
    for (let row = 0; row < rows; row += 1) {
      let sum = 0;
      let at = w.start + column * w.rowStride;
      const first = x.start + row * x.rowStride;
      for (let k = first; k < first + depth; k += 1) {
        sum += x.array[k]! * w.array[at]!;
        at += depthStride;
      }
      y.array[y.start + row * y.rowStride + column]! += sum;
    }
  }
}

function tile3x4(
  output: PlainMatrix,
  input: PlainMatrix,
  weight: PlainMatrix,
  depthStride: number,
  depth: number,
  row: number,
  from: number,
  to: number,
): void {
  const x = input.array;
  const w = weight.array;
  const y = output.array;
  const x0 = input.start + row * input.rowStride;
  const x1 = x0 + input.rowStride;
  const x2 = x1 + input.rowStride;
  for (let n = from; n < to; n += 4) {
    let w0 = weight.start + n * weight.rowStride;
    let w1 = w0 + weight.rowStride;
    let w2 = w1 + weight.rowStride;
    let w3 = w2 + weight.rowStride;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let b0 = 0;
    let b1 = 0;
    let b2 = 0;
    let b3 = 0;
    let c0 = 0;
    let c1 = 0;
    let c2 = 0;
    let c3 = 0;
    for (let k = 0; k < depth; k += 1) {
      const p = x[x0 + k]!;
      const q = x[x1 + k]!;
      const r = x[x2 + k]!;
      let v = w[w0]!;
      a0 += p * v;
      b0 += q * v;
      c0 += r * v;
      v = w[w1]!;
      a1 += p * v;
      b1 += q * v;
      c1 += r * v;
      v = w[w2]!;
      a2 += p * v;
      b2 += q * v;
      c2 += r * v;
      v = w[w3]!;
      a3 += p * v;
      b3 += q * v;
      c3 += r * v;
      w0 += depthStride;
      w1 += depthStride;
      w2 += depthStride;
      w3 += depthStride;
    }
    let o = output.start + row * output.rowStride + n;
    y[o]! += a0;
    y[o + 1]! += a1;
    y[o + 2]! += a2;
    y[o + 3]! += a3;
    o += output.rowStride;
    y[o]! += b0;
    y[o + 1]! += b1;
    y[o + 2]! += b2;
    y[o + 3]! += b3;
    o += output.rowStride;
    y[o]! += c0;
    y[o + 1]! += c1;
    y[o + 2]! += c2;
    y[o + 3]! += c3;
  }
}

function tile1x4(
  output: PlainMatrix,
  input: PlainMatrix,
  weight: PlainMatrix,
  depthStride: number,
  depth: number,
  row: number,
  from: number,
  to: number,
): void {
  const x = input.array;
  const w = weight.array;
  const y = output.array;
  const x0 = input.start + row * input.rowStride;
  for (let n = from; n < to; n += 4) {
    let w0 = weight.start + n * weight.rowStride;
    let w1 = w0 + weight.rowStride;
    let w2 = w1 + weight.rowStride;
    let w3 = w2 + weight.rowStride;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    for (let k = 0; k < depth; k += 1) {
      const p = x[x0 + k]!;
      a0 += p * w[w0]!;
      a1 += p * w[w1]!;
      a2 += p * w[w2]!;
      a3 += p * w[w3]!;
      w0 += depthStride;
      w1 += depthStride;
      w2 += depthStride;
      w3 += depthStride;
    }
    const o = output.start + row * output.rowStride + n;
    y[o]! += a0;
    y[o + 1]! += a1;
    y[o + 2]! += a2;
    y[o + 3]! += a3;
  }
}
