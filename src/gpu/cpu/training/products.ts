/** Gradients of a matrix product, with the CPU backend's one inner loop. */
import type { ProductShape } from '../../training-checks';
import { addProduct, type MatrixView } from '../product';
import type { WeightRows } from '../tensor';

/** Elements of a weight that are widened to f32 at a time. */
const BLOCK = 32768;

/** The part of the output's gradient that belongs to the product, scaled. */
function scaled(
  gradient: Float32Array,
  { outputs, stride, outputColumn, scale }: ProductShape,
  rows: number,
): MatrixView {
  if (scale === 1) return { array: gradient, start: outputColumn, rowStride: stride };
  const array = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row += 1) {
    const from = row * stride + outputColumn;
    for (let n = 0; n < outputs; n += 1) array[row * outputs + n] = gradient[from + n]! * scale;
  }
  return { array, start: 0, rowStride: outputs };
}

/** `inputGradient (+)= scale · outputGradient · weight` */
export function inputGradient(
  outputGradient: Float32Array,
  weight: WeightRows,
  result: Float32Array,
  shape: ProductShape,
  rows: number,
  accumulate: boolean,
): void {
  const { inputs, outputs } = shape;
  if (!accumulate) result.fill(0, 0, rows * inputs);
  const dY = scaled(outputGradient, shape, rows);
  const dX = { array: result, start: 0, rowStride: inputs };
  const step = Math.max(1, Math.floor(BLOCK / inputs));
  const block = weight.floats ? undefined : new Float32Array(Math.min(step, outputs) * inputs);
  for (let first = 0; first < outputs; first += step) {
    const depth = Math.min(step, outputs - first);
    if (block) weight.read(first, depth, block);
    const w = { array: block ?? weight.floats!, start: block ? 0 : first * inputs, rowStride: 1 };
    const x = { ...dY, start: dY.start + first };
    addProduct(dX, x, w, inputs, { rows, columns: inputs, depth });
  }
}

/** `weightGradient += scale · outputGradientᵀ · input` */
export function weightGradient(
  input: Float32Array,
  outputGradient: Float32Array,
  result: Float32Array,
  { inputs, outputs, stride, outputColumn, scale }: ProductShape,
  rows: number,
): void {
  const transposed = new Float32Array(outputs * rows);
  for (let row = 0; row < rows; row += 1) {
    const from = row * stride + outputColumn;
    for (let n = 0; n < outputs; n += 1) transposed[n * rows + row] = outputGradient[from + n]! * scale;
  }
  addProduct(
    { array: result, start: 0, rowStride: inputs },
    { array: transposed, start: 0, rowStride: rows },
    { array: input, start: 0, rowStride: 1 },
    inputs,
    { rows: outputs, columns: inputs, depth: rows },
  );
}

export function biasGradient(
  outputGradient: Float32Array,
  result: Float32Array,
  rows: number,
  outputs: number,
): void {
  for (let n = 0; n < outputs; n += 1) {
    let sum = 0;
    for (let row = 0; row < rows; row += 1) sum += outputGradient[row * outputs + n]!;
    result[n]! += sum;
  }
}
