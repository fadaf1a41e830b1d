/**
 * Matrix products with `[out, in]` weights. Sums are kept in f64 registers, twelve (3 rows × 4 outputs) at a time: this is
 * both the accurate oracle for the GPU kernels and, in V8, about twice as fast as rounding each step to f32.
 */

/** How an output element is stored: `output = value` or `output += value`. */
export type Store = 'overwrite' | 'accumulate';

export interface MatrixProduct {
  /** `[rows, inputs]` from its start */
  input: Float32Array;
  /** `[outputs, inputs]` */
  weight: Float32Array;
  bias: Float32Array | undefined;
  /** `[rows, outputs]` */
  output: Float32Array;
  rows: number;
  inputs: number;
  outputs: number;
  store: Store;
}

export function matrixProduct(product: MatrixProduct): void {
  const { rows, inputs, outputs } = product;
  if (product.store === 'overwrite') fillWithBias(product);
  else if (product.bias) addBias(product);
  const wideRows = rows - (rows % 3);
  const wideOutputs = outputs - (outputs % 4);
  // One block of weights (≤ 128 KiB) stays in cache while all rows pass it.
  const block = Math.max(4, Math.floor(32768 / inputs / 4) * 4);
  for (let from = 0; from < wideOutputs; from += block) {
    const to = Math.min(wideOutputs, from + block);
    for (let row = 0; row < wideRows; row += 3) tile3x4(product, row, from, to);
    for (let row = wideRows; row < rows; row += 1) tile1x4(product, row, from, to);
  }
  for (let row = 0; row < rows; row += 1) tail(product, row, wideOutputs);
}

function fillWithBias({ output, bias, rows, outputs }: MatrixProduct): void {
  if (!bias) {
    output.fill(0, 0, rows * outputs);
    return;
  }
  for (let row = 0; row < rows; row += 1) output.set(bias.subarray(0, outputs), row * outputs);
}

function addBias({ output, bias, rows, outputs }: MatrixProduct): void {
  if (!bias) return;
  for (let row = 0; row < rows; row += 1) {
    for (let n = 0; n < outputs; n += 1) output[row * outputs + n]! += bias[n]!;
  }
}

function tile3x4(product: MatrixProduct, row: number, from: number, to: number): void {
  const { input: x, weight: w, output: y, inputs, outputs } = product;
  const x0 = row * inputs;
  const x1 = x0 + inputs;
  const x2 = x1 + inputs;
  for (let n = from; n < to; n += 4) {
    const w0 = n * inputs;
    const w1 = w0 + inputs;
    const w2 = w1 + inputs;
    const w3 = w2 + inputs;
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
    for (let k = 0; k < inputs; k += 1) {
      const p = x[x0 + k]!;
      const q = x[x1 + k]!;
      const r = x[x2 + k]!;
      let v = w[w0 + k]!;
      a0 += p * v;
      b0 += q * v;
      c0 += r * v;
      v = w[w1 + k]!;
      a1 += p * v;
      b1 += q * v;
      c1 += r * v;
      v = w[w2 + k]!;
      a2 += p * v;
      b2 += q * v;
      c2 += r * v;
      v = w[w3 + k]!;
      a3 += p * v;
      b3 += q * v;
      c3 += r * v;
    }
    let o = row * outputs + n;
    y[o]! += a0;
    y[o + 1]! += a1;
    y[o + 2]! += a2;
    y[o + 3]! += a3;
    o += outputs;
    y[o]! += b0;
    y[o + 1]! += b1;
    y[o + 2]! += b2;
    y[o + 3]! += b3;
    o += outputs;
    y[o]! += c0;
    y[o + 1]! += c1;
    y[o + 2]! += c2;
    y[o + 3]! += c3;
  }
}

function tile1x4(product: MatrixProduct, row: number, from: number, to: number): void {
  const { input: x, weight: w, output: y, inputs, outputs } = product;
  const x0 = row * inputs;
  for (let n = from; n < to; n += 4) {
    const w0 = n * inputs;
    const w1 = w0 + inputs;
    const w2 = w1 + inputs;
    const w3 = w2 + inputs;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    for (let k = 0; k < inputs; k += 1) {
      const p = x[x0 + k]!;
      a0 += p * w[w0 + k]!;
      a1 += p * w[w1 + k]!;
      a2 += p * w[w2 + k]!;
      a3 += p * w[w3 + k]!;
    }
    const o = row * outputs + n;
    y[o]! += a0;
    y[o + 1]! += a1;
    y[o + 2]! += a2;
    y[o + 3]! += a3;
  }
}

function tail(product: MatrixProduct, row: number, from: number): void {
  const { input: x, weight: w, output: y, inputs, outputs } = product;
  for (let n = from; n < outputs; n += 1) {
    let sum = 0;
    for (let k = 0; k < inputs; k += 1) sum += x[row * inputs + k]! * w[n * inputs + k]!;
    y[row * outputs + n]! += sum;
  }
}
