import { addProduct } from './product';

export interface LinearProduct {
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
  /** `output +=` instead of `output =`. */
  accumulate: boolean;
}

/** `output = input · weightᵀ + bias` */
export function linearProduct(product: LinearProduct): void {
  const { input, weight, bias, output, rows, inputs, outputs } = product;
  if (!product.accumulate) output.fill(0, 0, rows * outputs);
  if (bias) {
    for (let row = 0; row < rows; row += 1) {
      for (let n = 0; n < outputs; n += 1) output[row * outputs + n]! += bias[n]!;
    }
  }
  addProduct(
    { array: output, start: 0, rowStride: outputs },
    { array: input, start: 0, rowStride: inputs },
    { array: weight, start: 0, rowStride: inputs },
    1,
    { rows, columns: outputs, depth: inputs },
  );
}
