/** The inner loops of the CPU backend, behind one seam: plain TypeScript (the twin that is read and compared with) or WebAssembly. */
import type { DType } from '../dtype';
import type { Floats, Memory, View } from './memory';
import type { ProductShape } from './product';

export interface MatrixView {
  of: Floats;
  /** First element. */
  start: number;
  /** From one row to the next. */
  rowStride: number;
  /** From one element of the sum to the next, 1 by default: a transposed matrix is read in place. */
  depthStride?: number;
}

/** A matrix of weights of any type. */
export interface WeightMatrix {
  type: Exclude<DType, 'u32'>;
  values: View;
  /** Of q8 and q4: f16, `scaleStride` from one row to the next. */
  scales: View<Uint16Array>;
  scaleStride: number;
  columns: number;
}

export interface Kernels {
  /** For people: what the loops are. */
  readonly name: string;
  readonly memory: Memory;
  /**
   * `y[m, n] += Σ_k x[m, k] · w[n, k]`. Elements of a row of y lie side by side; of w, either the elements of a row or those of
   * a column do.
   */
  addProduct(y: MatrixView, x: MatrixView, w: MatrixView, shape: ProductShape): void;
  /** Writes rows `first` … `first + count − 1` as f32 to `out`, from `at` on. */
  widen(weight: WeightMatrix, first: number, count: number, out: Floats, at: number): void;
  /**
   * `y[yStart + n] += Σ_k x[xStart + k] · w[n, k]` straight from quantised weights, for the first outputs; returns how many.
   * Where widening them is no faster.
   */
  addFromBlocks?(
    y: Floats,
    yStart: number,
    x: Floats,
    xStart: number,
    weight: WeightMatrix,
    outputs: number,
  ): number;
  /** `output[r] = weight · input[r] / √(mean(input[r]²) + epsilon)` */
  rmsNorm(a: Normed): void;
  /** Of `rmsNorm`; `inputGradient` may be `outputGradient`. */
  normGradient(a: NormedGradient): void;
  /** `output[r, i] = silu(both[r, i]) · both[r, width + i]` */
  gate(both: Floats, output: Floats, rows: number, width: number): void;
  gateGradient(
    both: Floats,
    outputGradient: Floats,
    inputGradient: Floats,
    rows: number,
    width: number,
  ): void;
  /**
   * Softmax of `scale · scores` over the first `count` of `width` elements from `start`; the rest becomes 0. Returns their
   * log Σ exp.
   */
  softmax(scores: Floats, start: number, count: number, width: number, scale: number): number;
  /** `slopes = weights · (slopes − delta) · scale` in the `count` elements from `start`: through a softmax. */
  scoreGradient(
    weights: Floats,
    slopes: Floats,
    start: number,
    count: number,
    delta: number,
    scale: number,
  ): void;
  /** Of `count` logits from `start`. */
  exponentialSums(logits: Floats, start: number, count: number, scale: number): ExponentialSums;
  /** Logits x become −(a·p + b·p·(log p + H)) · scale, with p = e^(x·scale − logSumExp); no bend b where p is 0. */
  logitGradient(logits: Floats, start: number, count: number, slopes: LogitSlopes): void;
  adamW(a: AdamWViews): void;
}

export interface Normed {
  input: MatrixView;
  weight: Floats;
  output: MatrixView;
  rows: number;
  width: number;
  epsilon: number;
}

export interface NormedGradient extends Omit<Normed, 'output'> {
  outputGradient: MatrixView;
  inputGradient: MatrixView;
  /** Adds to the input's gradient. */
  accumulate: boolean;
  /** Added to. */
  weightGradient: Floats | undefined;
}

export interface ExponentialSums {
  /** Of the logits themselves. */
  maximum: number;
  /** Σ e^z and Σ e^z·z with z = (logit − maximum) · scale. */
  sum: number;
  mixed: number;
}

export interface LogitSlopes {
  scale: number;
  logSumExp: number;
  /** a */
  byLogProb: number;
  /** b */
  byEntropy: number;
  /** H */
  entropy: number;
}

/** See `AdamWArguments`. */
export interface AdamWViews {
  settings: Floats;
  value: Floats;
  gradient: Floats;
  first: Floats;
  second: Floats;
}
