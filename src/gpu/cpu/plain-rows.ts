/** Loops over rows in plain TypeScript: norms, gate, softmax and what goes backwards through them. See `Kernels`. */
import type { ExponentialSums, LogitSlopes, MatrixView, Normed, NormedGradient } from './kernels';

export function rmsNorm({ input, weight, output, rows, width, epsilon }: Normed): void {
  const [x, w, y] = [input.of.array, weight.array, output.of.array];
  for (let row = 0; row < rows; row += 1) {
    const [from, to] = [placeOf(input, row), placeOf(output, row)];
    let squares = 0;
    for (let i = 0; i < width; i += 1) squares += x[from + i]! * x[from + i]!;
    const scale = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i += 1) y[to + i] = x[from + i]! * scale * w[i]!;
  }
}

const placeOf = ({ start, rowStride }: MatrixView, row: number): number => start + row * rowStride;

/** y = w·x·s, s = 1/√(mean x² + ε): dx = s·w·dy − x·s³·mean(w·dy·x), dw = dy·x·s. */
export function normGradient(a: NormedGradient): void {
  const { width } = a;
  const [x, w] = [a.input.of.array, a.weight.array];
  const [dy, dx, dw] = [a.outputGradient.of.array, a.inputGradient.of.array, a.weightGradient?.array];
  for (let row = 0; row < a.rows; row += 1) {
    const [from, slopes, to] = [
      placeOf(a.input, row),
      placeOf(a.outputGradient, row),
      placeOf(a.inputGradient, row),
    ];
    let squares = 0;
    let dot = 0;
    for (let i = 0; i < width; i += 1) {
      const value = x[from + i]!;
      squares += value * value;
      dot += w[i]! * dy[slopes + i]! * value;
    }
    const s = 1 / Math.sqrt(squares / width + a.epsilon);
    const along = (s ** 3 * dot) / width;
    for (let i = 0; i < width; i += 1) {
      const value = x[from + i]!;
      const slope = dy[slopes + i]!;
      if (dw) dw[i]! += slope * value * s;
      const result = s * w[i]! * slope - along * value;
      dx[to + i] = a.accumulate ? dx[to + i]! + result : result;
    }
  }
}

export function gate(both: Float32Array, output: Float32Array, rows: number, width: number): void {
  for (let row = 0; row < rows; row += 1) {
    const from = row * 2 * width;
    for (let i = 0; i < width; i += 1) {
      const value = both[from + i]!;
      output[row * width + i] = (value / (1 + Math.exp(-value))) * both[from + width + i]!;
    }
  }
}

/** silu(g)·u: dg = d·u·σ(g)·(1 + g·(1 − σ(g))), du = d·silu(g). */
export function gateGradient(
  both: Float32Array,
  outputGradient: Float32Array,
  inputGradient: Float32Array,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const from = row * 2 * width;
    for (let i = 0; i < width; i += 1) {
      const [g, u, d] = [both[from + i]!, both[from + width + i]!, outputGradient[row * width + i]!];
      const sigmoid = 1 / (1 + Math.exp(-g));
      inputGradient[from + i] = d * u * sigmoid * (1 + g * (1 - sigmoid));
      inputGradient[from + width + i] = d * g * sigmoid;
    }
  }
}

export function softmax(p: Float32Array, start: number, count: number, width: number, scale: number): number {
  let maximum = -Infinity;
  for (let i = start; i < start + count; i += 1) if (p[i]! > maximum) maximum = p[i]!;
  let total = 0;
  for (let i = start; i < start + count; i += 1) {
    const weight = Math.exp((p[i]! - maximum) * scale);
    p[i] = weight;
    total += weight;
  }
  for (let i = start; i < start + count; i += 1) p[i]! /= total;
  p.fill(0, start + count, start + width);
  return maximum * scale + Math.log(total);
}

export function exponentialSums(
  logits: Float32Array,
  start: number,
  count: number,
  scale: number,
): ExponentialSums {
  let maximum = -Infinity;
  for (let i = start; i < start + count; i += 1) if (logits[i]! > maximum) maximum = logits[i]!;
  let sum = 0;
  let mixed = 0;
  for (let i = start; i < start + count; i += 1) {
    const z = (logits[i]! - maximum) * scale;
    const weight = Math.exp(z);
    sum += weight;
    // A token of probability 0 may have the logit −∞.
    if (weight > 0) mixed += weight * z;
  }
  return { maximum, sum, mixed };
}

export function logitGradient(
  logits: Float32Array,
  start: number,
  count: number,
  { scale, logSumExp, byLogProb, byEntropy, entropy }: LogitSlopes,
): void {
  for (let i = start; i < start + count; i += 1) {
    const logP = logits[i]! * scale - logSumExp;
    const p = Math.exp(logP);
    const bend = p > 0 ? byEntropy * p * (logP + entropy) : 0;
    logits[i] = -(byLogProb * p + bend) * scale;
  }
}
