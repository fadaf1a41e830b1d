import type { Kernels, WeightMatrix } from './kernels';
import type { Floats, Scratch } from './memory';
import { inFloats } from './tensor';

export interface LinearProduct {
  /** `[rows, inputs]` from its start */
  input: Floats;
  /** `[outputs, inputs]` */
  weight: WeightMatrix;
  bias: Floats | undefined;
  /** `[rows, stride]`; columns `outputColumn` … `outputColumn + outputs − 1` are written. */
  output: Floats;
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
export function linearProduct(kernels: Kernels, product: LinearProduct, scratch: Scratch): void {
  const { input, weight, output, stride, outputColumn, rows, inputs, outputs } = product;
  begin(product);
  const x = { of: input, start: 0, rowStride: inputs };
  const multiply = (of: Floats, first: number, count: number): void =>
    kernels.addProduct(
      { of: output, start: outputColumn + first, rowStride: stride },
      x,
      { of, start: 0, rowStride: inputs },
      { rows, columns: count, depth: inputs },
    );
  const whole = inFloats(weight);
  if (whole) {
    multiply(whole, 0, outputs);
    return;
  }
  // A few rows are faster straight from the blocks than by way of the scratch.
  let done = 0;
  if (kernels.addFromBlocks && rows <= FEW_ROWS) {
    for (let row = 0; row < rows; row += 1) {
      const at = row * stride + outputColumn;
      done = kernels.addFromBlocks(output, at, input, row * inputs, weight, outputs);
    }
    if (done === outputs) return;
  }
  const step = Math.max(4, 4 * Math.floor(BLOCK / inputs / 4));
  const widened = scratch.take(step * inputs);
  for (let first = done; first < outputs; first += step) {
    const count = Math.min(step, outputs - first);
    kernels.widen(weight, first, count, widened, 0);
    multiply(widened, first, count);
  }
}

/** What the product is added to. */
function begin({ output, bias, stride, outputColumn, rows, outputs, accumulate }: LinearProduct): void {
  const y = output.array;
  const b = bias?.array;
  for (let row = 0; row < rows; row += 1) {
    const start = row * stride + outputColumn;
    if (!accumulate && b) y.set(b, start);
    else if (!accumulate) y.fill(0, start, start + outputs);
    else if (b) for (let n = 0; n < outputs; n += 1) y[start + n]! += b[n]!;
  }
}
