/** Backward passes of norms, rotation and gate. */
import { ROW_FIELDS, ROW_POSITION, ROW_TOKEN, type HeadShape } from '../../backend';

/** Where one normalised vector lies, and where its gradients do. */
export interface NormedVector {
  input: Float32Array;
  start: number;
  width: number;
  weight: Float32Array;
  epsilon: number;
  outputGradient: Float32Array;
  outputStart: number;
  inputGradient: Float32Array;
  inputStart: number;
  weightGradient: Float32Array | undefined;
  accumulate: boolean;
}

/** y = w·x·s, s = 1/√(mean x² + ε): dx = s·w·dy − x·s³·mean(w·dy·x), dw = dy·x·s. In place where the gradients are one array. */
export function normGradient(a: NormedVector): void {
  const { input, start, width, weight, outputGradient: dy, outputStart, inputGradient: dx } = a;
  let squares = 0;
  let dot = 0;
  for (let i = 0; i < width; i += 1) {
    const x = input[start + i]!;
    squares += x * x;
    dot += weight[i]! * dy[outputStart + i]! * x;
  }
  const s = 1 / Math.sqrt(squares / width + a.epsilon);
  const along = (s ** 3 * dot) / width;
  for (let i = 0; i < width; i += 1) {
    const x = input[start + i]!;
    const slope = dy[outputStart + i]!;
    if (a.weightGradient) a.weightGradient[i]! += slope * x * s;
    const value = s * weight[i]! * slope - along * x;
    dx[a.inputStart + i] = a.accumulate ? dx[a.inputStart + i]! + value : value;
  }
}

/** See `RotateGradientArguments`. */
export function rotateGradient(
  gradient: Float32Array,
  angles: Float32Array,
  rowTable: Uint32Array,
  { queryHeads, keyValueHeads, headSize }: HeadShape,
  rows: number,
): void {
  const half = headSize >> 1;
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  for (let row = 0; row < rows; row += 1) {
    const angle = rowTable[row * ROW_FIELDS + ROW_POSITION]! * headSize;
    for (let head = 0; head < queryHeads + keyValueHeads; head += 1) {
      const at = row * stride + head * headSize;
      for (let i = 0; i < half; i += 1) {
        const [cos, sin] = [angles[angle + i]!, angles[angle + half + i]!];
        const [a, b] = [gradient[at + i]!, gradient[at + half + i]!];
        gradient[at + i] = a * cos + b * sin;
        gradient[at + half + i] = b * cos - a * sin;
      }
    }
  }
}

/** silu(g)·u: dg = du-side · σ(g)(1 + g(1 − σ(g))), du = silu(g). */
export function gateGradient(
  both: Float32Array,
  outputGradient: Float32Array,
  inputGradient: Float32Array,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const gate = row * 2 * width;
    for (let i = 0; i < width; i += 1) {
      const [g, u, d] = [both[gate + i]!, both[gate + width + i]!, outputGradient[row * width + i]!];
      const sigmoid = 1 / (1 + Math.exp(-g));
      inputGradient[gate + i] = d * u * sigmoid * (1 + g * (1 - sigmoid));
      inputGradient[gate + width + i] = d * g * sigmoid;
    }
  }
}

export function embedGradient(
  outputGradient: Float32Array,
  rowTable: Uint32Array,
  tableGradient: Float32Array,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const to = rowTable[row * ROW_FIELDS + ROW_TOKEN]! * width;
    for (let i = 0; i < width; i += 1) tableGradient[to + i]! += outputGradient[row * width + i]!;
  }
}
