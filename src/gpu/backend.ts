/**
 * The tensor backend's seam. A model graph is written once against named operations on opaque tensors; two backends
 * implement them: `webgpu` (WGSL) and `cpu` (plain TypeScript), which is the tests' oracle and the fallback.
 *
 * An operation is built once, when the model is loaded (pipelines and bind groups are made then), and run many times.
 * What changes from step to step is data: the number of rows in an `Extent`, and token, position and slot of each row in
 * a row table. So one program serves prefill (many rows of one sequence) and decode (one row of each of many sequences).
 *
 * All activations are row-major f32. A linear weight is `[out, in]`.
 */
import type { Blocks } from './blocks';
import type { DType } from './dtype';

export type { DType } from './dtype';

/** Memory of the backend that made it. */
export interface Tensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
  dispose(): void;
}

/** How many rows of an activation a step uses; set before `run`. */
export interface Extent {
  readonly maximum: number;
  value: number;
  /** True while all rows belong to one slot, at consecutive positions. Prefill attention then shares its key reads. */
  oneSequence: boolean;
  /** The most keys that a row attends to; 0: not said. Only speed depends on it: work over many keys is cut up. */
  keys: number;
  dispose(): void;
}

export type Allocate = (label: string, shape: readonly number[], dtype?: DType) => Tensor;

/** A built operation; opaque to the graph. */
export interface Operation {
  readonly name: string;
}

export interface RmsNorm {
  /** `[in]` */
  weight: Tensor;
  epsilon: number;
}

/** A norm that a product applies to its input. */
export interface InputNorm extends RmsNorm {
  /** `[≥ rows, in]`; what it holds is lost: products that read their input often put it there, normalised. */
  scratch: Tensor;
}

/** Fields of one row of the row table, a u32 tensor `[rows, 4]`. */
export const ROW_TOKEN = 0;
export const ROW_POSITION = 1;
export const ROW_SLOT = 2;
/** Which step of its submit this is; only `sample` looks at it, and counts it up. */
export const ROW_STEP = 3;
export const ROW_FIELDS = 4;

/** Fields of one row of `rowStatistics`' output, an f32 tensor `[rows, 4]`. */
export const STAT_ARGMAX = 0;
export const STAT_MAXIMUM = 1;
export const STAT_LOG_SUM_EXP = 2;
export const STAT_TARGET = 3;
export const STAT_FIELDS = 4;

export interface EmbedArguments {
  rows: Extent;
  /** `[tokens, width]`, of any float type */
  table: Tensor;
  rowTable: Tensor;
  output: Tensor;
}

export interface LinearArguments {
  rows: Extent;
  /** `[rows, in]` */
  input: Tensor;
  /** Applied to the input on the way in. */
  norm?: InputNorm;
  /** `[out, in]`, of any float type */
  weight: Tensor;
  /** `[out]` */
  bias?: Tensor;
  /** `[rows, ≥ outputColumn + out]` */
  output: Tensor;
  /** The first column written, 0 by default; the columns beside the `out` ones keep what they hold. */
  outputColumn?: number;
  /** Factor on the product (not on the bias), 1 by default. */
  scale?: number;
  /** Adds to `output` (the residual stream) instead of overwriting it. */
  accumulate?: boolean;
}

export interface GatedLinearArguments {
  rows: Extent;
  input: Tensor;
  norm?: InputNorm;
  /** `[2·out, in]`, of any float type: the gate's rows, then the up projection's. */
  weight: Tensor;
  /** `[rows, out]` = silu(gate) · up */
  output: Tensor;
}

export interface GateArguments {
  rows: Extent;
  /** `[rows, 2·n]` */
  input: Tensor;
  /** `[rows, n]` = silu(first half) · second half */
  output: Tensor;
}

/** Shape of the heads; `queryHeads` is a multiple of `keyValueHeads`, query head j reads key-value head ⌊j·kv/q⌋. */
export interface HeadShape {
  queryHeads: number;
  keyValueHeads: number;
  headSize: number;
}

/** Keys and values of one layer, `[slots, capacity, keyValueHeads · headSize]` each, allocated once and never grown. */
export interface KeyValueTensors {
  keys: Tensor;
  values: Tensor;
  slots: number;
  capacity: number;
}

export interface HeadNormArguments {
  rows: Extent;
  heads: HeadShape;
  /** `[rows, (queryHeads + 2·keyValueHeads) · headSize]`: queries, keys, values; changed in place, the values not. */
  projections: Tensor;
  /** `[headSize]`, for every query head; without it the queries stay as they are. */
  queryWeight?: Tensor;
  /** `[headSize]`, for every key head; without it the keys stay as they are. */
  keyWeight?: Tensor;
  epsilon: number;
}

export interface RotateArguments {
  rows: Extent;
  rowTable: Tensor;
  heads: HeadShape;
  /** `[rows, (queryHeads + 2·keyValueHeads) · headSize]`: queries, keys, values. The queries are rotated in place. */
  projections: Tensor;
  /** `[capacity, headSize]`: cos of the `headSize/2` angles of a position, then their sines. */
  angles: Tensor;
  /** Receives the rotated keys and the values at each row's slot and position. */
  cache: KeyValueTensors;
}

export interface AttentionArguments {
  rows: Extent;
  rowTable: Tensor;
  heads: HeadShape;
  /** The queries are read from here, as `RotateArguments.projections` left them. */
  projections: Tensor;
  cache: KeyValueTensors;
  /** `[rows, queryHeads · headSize]`. Each row attends to positions 0 … its own, of its slot. */
  output: Tensor;
  /** `attentionPartials` of as many rows as may be computed with their keys cut up; without it they never are. */
  partials?: Tensor;
}

/** Fields of a copy table, a u32 tensor `[4]`. */
export const COPY_FROM = 0;
export const COPY_TO = 1;
export const COPY_FIRST = 2;
export const COPY_FIELDS = 4;

export interface CopyCacheArguments {
  /** Positions that are copied; at most the capacity. */
  rows: Extent;
  /** u32 `[COPY_FIELDS]`: from which slot, to which other one, and the first position. */
  copyTable: Tensor;
  cache: KeyValueTensors;
}

export interface SelectRowsArguments {
  rows: Extent;
  input: Tensor;
  /** u32 `[rows]`: which row of the input becomes row i of the output. */
  indices: Tensor;
  output: Tensor;
}

export interface RowStatisticsArguments {
  rows: Extent;
  /** `[rows, columns]` */
  input: Tensor;
  /** u32 `[rows]`: the column whose value is wanted. */
  targets: Tensor;
  /** Default 1. */
  temperature?: number;
  /** `[rows, STAT_FIELDS]`: arg-max (lowest index on ties), maximum, log Σ exp(input ÷ temperature), value at the target. */
  output: Tensor;
}

/** Fields of a slot's sampling settings, a u32 tensor `[slots, 8]`; the first four are the bits of f32. */
export const SAMPLE_TEMPERATURE = 0;
export const SAMPLE_TOP_P = 1;
export const SAMPLE_MIN_P = 2;
/** Repetition penalty. */
export const SAMPLE_PENALTY = 3;
export const SAMPLE_TOP_K = 4;
/** Two words. */
export const SAMPLE_SEED = 5;
export const SAMPLE_SETTINGS = 8;

/** Fields of a sampled token: its id, its log-probability. */
export const SAMPLED_FIELDS = 2;

/**
 * Repetition penalty, then temperature, top-k, top-p, min-p, as Hugging Face orders them; equally likely tokens stay or go together. Drawn by
 * Gumbel-max with noise that is a function of seed, position and token alone: so a draw depends on neither the batch nor the
 * number of steps in a submit. Temperature 0 takes the likeliest token, the lowest of equal ones.
 */
export interface SampleArguments {
  rows: Extent;
  /** `[rows, vocabulary]`; changed in place where a penalty applies. */
  logits: Tensor;
  /** u32 `[rows]`: the row of the row table that each row of the logits belongs to. */
  selected: Tensor;
  /** The drawn token becomes the row's token, at the next position: the table is ready for the next step. */
  rowTable: Tensor;
  /** u32 `[slots, SAMPLE_SETTINGS]` */
  settings: Tensor;
  /** u32 `[slots, ⌈vocabulary / 32⌉]`: a bit for every token of the sequence, kept up to date for slots with a penalty. */
  seen: Tensor;
  /** `[≥ rows, samplePartials(vocabulary)]`; what it holds is lost: what parts of a row have found. */
  partials: Tensor;
  /** `[steps · rows, SAMPLED_FIELDS]`, the rows of the first step first. */
  output: Tensor;
}

/** Builds operations; the argument's shapes are checked here, not at every run. */
export interface Operations {
  /** `output[r] = table[token of r]` */
  embed(argument: EmbedArguments): Operation;
  linear(argument: LinearArguments): Operation;
  gatedLinear(argument: GatedLinearArguments): Operation;
  /** What `gatedLinear` does after its product, for a product that was made in parts. */
  gate(argument: GateArguments): Operation;
  /** RMS norm over each head of the queries and keys (Qwen3), before `rotateAndCache`. */
  headNorm(argument: HeadNormArguments): Operation;
  /** Rotary embedding, two-halves form, angle of pair i = position · theta^(−2i/d); then the write to the cache. */
  rotateAndCache(argument: RotateArguments): Operation;
  /** Grouped-query causal attention with an online softmax, scale 1/√headSize. */
  attention(argument: AttentionArguments): Operation;
  /** Keys and values of a stretch of positions, from one slot to another. */
  copyCache(argument: CopyCacheArguments): Operation;
  selectRows(argument: SelectRowsArguments): Operation;
  rowStatistics(argument: RowStatisticsArguments): Operation;
  sample(argument: SampleArguments): Operation;
}

export interface BackendDescription {
  kind: 'webgpu' | 'cpu';
  /** For people: adapter vendor and architecture, or `CPU (WASM SIMD)`. */
  name: string;
  vendor: string;
  architecture: string;
  /** True for a software rasteriser and for the CPU. */
  software: boolean;
  f16: boolean;
  subgroups: boolean;
  /** The fewest threads that a subgroup can have; absent without subgroups. */
  smallestSubgroup?: number;
}

export interface ReadRequest {
  tensor: Tensor;
  /** Elements from the start of the tensor. */
  count: number;
}

export interface Backend {
  readonly description: BackendDescription;
  readonly operations: Operations;
  /** Bytes of all tensors not yet disposed of. */
  readonly liveBytes: number;
  /** Rows that a prefill step should bring on this backend, for models of demo size. */
  readonly preferredRows: number;
  /** A tensor of zeros (of blocks whose scales are zero). On WebGPU a lack of memory shows in `ready`, not here. */
  tensor: Allocate;
  extent(maximum: number): Extent;
  /**
   * Writes `data` from element `offset` on; seen by every later `run`. A `Uint16Array` is the bits of an f16 tensor, where
   * offset and length are even; otherwise the array's type is the tensor's.
   */
  write(tensor: Tensor, data: Float32Array | Uint32Array | Uint16Array, offset?: number): void;
  /** Writes whole rows of a q8 or q4 tensor, from `firstRow` (0) on; seen by every later `run`. */
  writeBlocks(tensor: Tensor, blocks: Blocks, firstRow?: number): void;
  /**
   * Resolves when everything made so far is usable.
   * @throws AppError OUT_OF_MEMORY, DEVICE_LOST
   */
  ready(): Promise<void>;
  /**
   * Runs the operations in order, as one submission, and resolves with what was asked for.
   * @throws AppError DEVICE_LOST
   */
  run(operations: readonly Operation[], reads?: readonly ReadRequest[]): Promise<Float32Array[]>;
  /** Frees every tensor, and the device if the backend owns it. */
  dispose(): void;
}
