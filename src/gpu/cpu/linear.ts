import { addBlockProduct } from './block-product';
import { addProduct } from './product';
import type { WeightRows } from './tensor';

export interface LinearProduct {
  /** `[rows, inputs]` from its start */
  input: Float32Array;
  /** `[outputs, inputs]` */
  weight: WeightRows;
  bias: Float32Array | undefined;
  /** `[rows, stride]`; columns `outputColumn` … `outputColumn + outputs − 1` are written. */
  output: Float32Array;
  stride: number;
  outputColumn: number;
  rows: number;
  inputs: number;
  outputs: number;
  /** `output +=` instead of `output =`. */
  accumulate: boolean;
}

/** Elements of the weight that are widened to f32 at a time: 128 KiB, which stays in the cache while all rows pass. */
const BLOCK = 32768;

const FEW_ROWS = 2;

/** `output = input · weightᵀ + bias` */
export function linearProduct(product: LinearProduct, scratch: (length: number) => Float32Array): void {
  const { input, weight, bias, output, stride, outputColumn, rows, inputs, outputs } = product;
  for (let row = 0; row < rows; row += 1) {
    const start = row * stride + outputColumn;
    if (!product.accumulate) output.fill(0, start, start + outputs);
    if (bias) for (let n = 0; n < outputs; n += 1) output[start + n]! += bias[n]!;
  }
  const x = { array: input, start: 0, rowStride: inputs };
  const multiply = (array: Float32Array, first: number, count: number): void =>
    addProduct(
      { array: output, start: outputColumn + first, rowStride: stride },
      x,
      { array, start: 0, rowStride: inputs },
      1,
      { rows, columns: count, depth: inputs },
    );
  if (weight.floats) {
    multiply(weight.floats, 0, outputs);
    return;
  }
  // A few rows are faster straight from the blocks than by way of the scratch.
  let done = 0;
  if (weight.blocks && rows <= FEW_ROWS) {
    for (let row = 0; row < rows; row += 1) {
      done = addBlockProduct(
        output,
        row * stride + outputColumn,
        input,
        row * inputs,
        weight.blocks,
        outputs,
      );
    }
    if (done === outputs) return;
  }
  const step = Math.max(4, 4 * Math.floor(BLOCK / inputs / 4));
  const widened = scratch(step * inputs);
  for (let first = done; first < outputs; first += step) {
    const count = Math.min(step, outputs - first);
    weight.read(first, count, widened);
    multiply(widened, first, count);
  }
}
