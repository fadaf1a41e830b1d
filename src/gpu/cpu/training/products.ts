/** Gradients of a matrix product. */
import type { ProductShape } from '../../training-checks';
import type { Kernels, MatrixView, WeightMatrix } from '../kernels';
import type { Floats, Scratch } from '../memory';
import { inFloats } from '../tensor';

/** Elements of a weight that are widened to f32 at a time. */
const BLOCK = 32768;

/** Scratch of all products, which run one at a time. */
export interface ProductScratch {
  scaled: Scratch;
  widened: Scratch;
}

/** The part of the output's gradient that belongs to the product, scaled. */
function scaled(
  gradient: Floats,
  { outputs, stride, outputColumn, scale }: ProductShape,
  rows: number,
  scratch: Scratch,
): MatrixView {
  if (scale === 1) return { of: gradient, start: outputColumn, rowStride: stride };
  const of = scratch.take(rows * outputs);
  const [from, to] = [gradient.array, of.array];
  for (let row = 0; row < rows; row += 1) {
    const start = row * stride + outputColumn;
    for (let n = 0; n < outputs; n += 1) to[row * outputs + n] = from[start + n]! * scale;
  }
  return { of, start: 0, rowStride: outputs };
}

/** `inputGradient (+)= scale · outputGradient · weight` */
export function inputGradient(
  kernels: Kernels,
  outputGradient: Floats,
  weight: WeightMatrix,
  result: Floats,
  { rows, accumulate, ...shape }: ProductShape & { rows: number; accumulate: boolean },
  scratch: ProductScratch,
): void {
  const { inputs, outputs } = shape;
  if (!accumulate) result.array.fill(0, 0, rows * inputs);
  const dY = scaled(outputGradient, shape, rows, scratch.scaled);
  const dX = { of: result, start: 0, rowStride: inputs };
  const across = { rowStride: 1, depthStride: inputs };
  const whole = inFloats(weight);
  if (whole) {
    kernels.addProduct(dX, dY, { of: whole, start: 0, ...across }, { rows, columns: inputs, depth: outputs });
    return;
  }
  const step = Math.max(1, Math.floor(BLOCK / inputs));
  const block = scratch.widened.take(Math.min(step, outputs) * inputs);
  for (let first = 0; first < outputs; first += step) {
    const depth = Math.min(step, outputs - first);
    kernels.widen(weight, first, depth, block, 0);
    const x = { ...dY, start: dY.start + first };
    kernels.addProduct(dX, x, { of: block, start: 0, ...across }, { rows, columns: inputs, depth });
  }
}

/** `weightGradient += scale · outputGradientᵀ · input` */
export function weightGradient(
  kernels: Kernels,
  input: Floats,
  outputGradient: Floats,
  result: Floats,
  { rows, ...shape }: ProductShape & { rows: number },
  scratch: ProductScratch,
): void {
  const { inputs, outputs } = shape;
  const { rowStride, ...dY } = scaled(outputGradient, shape, rows, scratch.scaled);
  kernels.addProduct(
    { of: result, start: 0, rowStride: inputs },
    { ...dY, rowStride: 1, depthStride: rowStride },
    { of: input, start: 0, rowStride: 1, depthStride: inputs },
    { rows: outputs, columns: inputs, depth: rows },
  );
}

export function biasGradient(
  outputGradient: Float32Array,
  result: Float32Array,
  rows: number,
  outputs: number,
): void {
  const sums = new Float64Array(outputs);
  for (let row = 0; row < rows; row += 1) {
    for (let n = 0; n < outputs; n += 1) sums[n]! += outputGradient[row * outputs + n]!;
  }
  for (let n = 0; n < outputs; n += 1) result[n]! += sums[n]!;
}
