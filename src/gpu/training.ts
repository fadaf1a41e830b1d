/**
 * The operations of a training step, beside those of `backend.ts`: backward passes of the layers, the loss over tokens, and the
 * optimiser. Two backends have them, as twins.
 *
 * A step's rows are whole sequences, one after the other, each with the positions 0, 1, … and a slot of its own; field
 * `ROW_FOLLOWING` of the row table says how many rows of the same sequence come after.
 *
 * A gradient has the shape of what it is the gradient of. Gradients of parameters are added to what is there, those of
 * activations where `accumulate` says so.
 */
import type {
  EmbedArguments,
  Extent,
  GateArguments,
  HeadNormArguments,
  HeadShape,
  KeyValueTensors,
  Operation,
  RmsNorm,
  Tensor,
} from './backend';

/** Field of a row of the row table: rows of the same sequence that follow. Inference uses its place for the step's number. */
export const ROW_FOLLOWING = 3;

export interface RmsNormArguments {
  rows: Extent;
  /** `[rows, width]` */
  input: Tensor;
  norm: RmsNorm;
  output: Tensor;
}

export interface RmsNormGradientArguments {
  rows: Extent;
  input: Tensor;
  norm: RmsNorm;
  outputGradient: Tensor;
  inputGradient: Tensor;
  accumulate?: boolean;
  /** `[width]`; added to. */
  weightGradient?: Tensor;
}

export interface HeadNormGradientArguments extends HeadNormArguments {
  /** `projections` are those before the norm. This is changed in place, the values' part not. */
  gradient: Tensor;
  /** `[headSize]`, added to. */
  queryWeightGradient?: Tensor;
  keyWeightGradient?: Tensor;
}

export interface RotateGradientArguments {
  rows: Extent;
  rowTable: Tensor;
  heads: HeadShape;
  /** `[capacity, headSize]`, those of the forward pass. */
  angles: Tensor;
  /** `[rows, (queryHeads + 2·keyValueHeads) · headSize]`, changed in place, the values' part not. */
  gradient: Tensor;
}

/** Fields of a row and head of the attention statistics: log Σ exp of the scaled scores, and Σ gradient · output. */
export const ATTENTION_FIELDS = 2;

export interface AttentionGradientArguments {
  rows: Extent;
  rowTable: Tensor;
  heads: HeadShape;
  /** With the queries rotated, as `RotateArguments.projections` is left. */
  projections: Tensor;
  cache: KeyValueTensors;
  /** `[rows, queryHeads · headSize]` */
  output: Tensor;
  outputGradient: Tensor;
  /** `[rows, queryHeads · ATTENTION_FIELDS]`, for the operation itself. */
  statistics: Tensor;
  /** Of `projections`, with queries and keys rotated; overwritten. */
  gradient: Tensor;
}

export interface GateGradientArguments extends Omit<GateArguments, 'output'> {
  /** `[rows, n]` */
  outputGradient: Tensor;
  /** `[rows, 2·n]`, overwritten. */
  inputGradient: Tensor;
}

export interface InputGradientArguments {
  rows: Extent;
  /** `[rows, ≥ outputColumn + out]` */
  outputGradient: Tensor;
  /** 0 by default. */
  outputColumn?: number;
  /** `[out, in]`, of any float type. */
  weight: Tensor;
  /** `[rows, in]` */
  inputGradient: Tensor;
  /** 1 by default. */
  scale?: number;
  accumulate?: boolean;
}

export interface WeightGradientArguments {
  rows: Extent;
  /** `[rows, in]` */
  input: Tensor;
  /** `[rows, ≥ outputColumn + out]` */
  outputGradient: Tensor;
  outputColumn?: number;
  /** f32 `[out, in]`, added to. */
  weightGradient: Tensor;
  scale?: number;
}

export interface BiasGradientArguments {
  rows: Extent;
  /** `[rows, out]` */
  outputGradient: Tensor;
  /** `[out]`, added to. */
  biasGradient: Tensor;
}

export interface EmbedGradientArguments extends Pick<EmbedArguments, 'rows' | 'rowTable'> {
  /** `[rows, width]` */
  outputGradient: Tensor;
  /** f32 `[tokens, width]`, added to. */
  tableGradient: Tensor;
}

export interface MoveRowsArguments {
  rows: Extent;
  input: Tensor;
  output: Tensor;
}

export interface ScatterRowsArguments extends MoveRowsArguments {
  /** u32 `[rows]`, all different: row i of the input becomes this row of the output. */
  indices: Tensor;
}

/** Fields of a row of token statistics: log-probability of the target, entropy in nats, log Σ exp of logits ÷ temperature. */
export const TOKEN_LOG_PROB = 0;
export const TOKEN_ENTROPY = 1;
export const TOKEN_LOG_SUM_EXP = 2;
export const TOKEN_FIELDS = 4;

/** Slopes of the loss by a token's log-probability and entropy, in this order. */
export const SLOPE_FIELDS = 2;

export interface TokenLossArguments {
  rows: Extent;
  /** `[rows, vocabulary]` */
  logits: Tensor;
  /** u32 `[rows]` */
  targets: Tensor;
  /** u32 `[rows]`: the row of `statistics` and `slopes` that each row of the logits belongs to. */
  selected: Tensor;
  /** `[all rows, TOKEN_FIELDS]` */
  statistics: Tensor;
  temperature: number;
}

export interface LogitGradientArguments extends TokenLossArguments {
  /** `[all rows, SLOPE_FIELDS]` */
  slopes: Tensor;
}

/** Fields of the optimiser's settings, f32 `[ADAM_FIELDS]`. */
export const ADAM_RATE = 0;
export const ADAM_BETA1 = 1;
export const ADAM_BETA2 = 2;
export const ADAM_EPSILON = 3;
export const ADAM_DECAY = 4;
/** 1 − β1ᵏ and 1 − β2ᵏ at update k. */
export const ADAM_CORRECTION1 = 5;
export const ADAM_CORRECTION2 = 6;
/** Factor on the gradient: what clipping leaves of it. */
export const ADAM_SCALE = 7;
export const ADAM_FIELDS = 8;

export interface AdamWArguments {
  settings: Tensor;
  /** All f32 and of one shape. */
  value: Tensor;
  gradient: Tensor;
  first: Tensor;
  second: Tensor;
}

/** Partial sums that `squareSum` leaves for a tensor (a row of them is what WebGPU can bind alone); whoever reads them adds them up. */
export const SQUARE_PARTS = 64;

export interface SquareSumArguments {
  input: Tensor;
  /** `[tensors, SQUARE_PARTS]` */
  output: Tensor;
  /** Which row of the output. */
  row: number;
}

export interface TrainingOperations {
  rmsNorm(argument: RmsNormArguments): Operation;
  rmsNormGradient(argument: RmsNormGradientArguments): Operation;
  headNormGradient(argument: HeadNormGradientArguments): Operation;
  /** The turn backwards: a rotation's transpose is its inverse. */
  rotateGradient(argument: RotateGradientArguments): Operation;
  /** From the log-sum-exp of the scores and Σ gradient · output (FlashAttention-2, arXiv 2307.08691, algorithm 2). */
  attentionGradient(argument: AttentionGradientArguments): Operation;
  /** Of silu(gate) · up. */
  gateGradient(argument: GateGradientArguments): Operation;
  /** dX (+)= scale · dY · W */
  linearInputGradient(argument: InputGradientArguments): Operation;
  /** dW += scale · dYᵀ · X */
  linearWeightGradient(argument: WeightGradientArguments): Operation;
  /** db += Σ rows of dY */
  biasGradient(argument: BiasGradientArguments): Operation;
  /** Rows of equal tokens are added up in their order. */
  embedGradient(argument: EmbedGradientArguments): Operation;
  copyRows(argument: MoveRowsArguments): Operation;
  scatterRows(argument: ScatterRowsArguments): Operation;
  tokenStatistics(argument: TokenLossArguments): Operation;
  /** The logits become the gradient of the loss by them; the statistics must be there. */
  logitGradient(argument: LogitGradientArguments): Operation;
  /** Zeros in all of an f32 tensor. */
  clear(tensor: Tensor): Operation;
  squareSum(argument: SquareSumArguments): Operation;
  /** Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, with the rate on the decay as in PyTorch. */
  adamW(argument: AdamWArguments): Operation;
  /** Frees what the operations share. */
  dispose(): void;
}
