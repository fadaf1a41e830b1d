/** Memory of a training step, shared by every program of a model: they run one after the other. */
import type { Allocate, Backend, Extent, HeadShape, KeyValueTensors, Tensor } from '../../gpu/backend';
import { ROW_FIELDS } from '../../gpu/backend';
import { ATTENTION_FIELDS } from '../../gpu/training';
import type { ModelConfig } from '../../lm/config';
import { rotaryAngles } from '../../lm/rope';

export interface TrainingSizes {
  /** Most rows of a step: valid tokens of a micro-batch. */
  rows: number;
  /** Most sequences of a micro-batch, and most tokens of one. */
  sequences: number;
  capacity: number;
  /** Rows whose logits are there at once. */
  headRows: number;
  /** Every layer keeps what its backward pass needs, instead of computing it again: a quarter less to do, for `layers` times the memory. */
  keepLayers?: boolean;
}

/** Of one layer, in the order in which they are computed. */
export interface LayerActivations {
  cache: KeyValueTensors;
  normed: Tensor;
  projections: Tensor;
  /** Before the norms over heads, where there are some. */
  unnormed: Tensor | undefined;
  attended: Tensor;
  /** The residual stream between attention and MLP. */
  middle: Tensor;
  middleNormed: Tensor;
  gateUp: Tensor;
  gated: Tensor;
  /** x·Aᵀ of a module's adapter, `[rows, rank]`: one for each name and rank. */
  lowRank: (name: string, rank: number) => Tensor;
}

export interface Activations {
  rows: Extent;
  rowTable: Tensor;
  heads: HeadShape;
  angles: Tensor;
  /** `[layers + 1]` of `[rows, hidden]`: what goes into each layer, and what comes out of the last. */
  inputs: Tensor[];
  /** One after the other in the same memory, unless each keeps its own. */
  layers: LayerActivations[];
  attentionStatistics: Tensor;
  gradients: {
    /** Of the residual stream. */
    residual: Tensor;
    normed: Tensor;
    projections: Tensor;
    attended: Tensor;
    gateUp: Tensor;
    gated: Tensor;
  };
  /** `[rows, rank]`, one for each rank. */
  lowRankGradient: (rank: number) => Tensor;
}

/** Floats of a row of one layer's activations, without adapters: what keeping them costs. */
export function layerWidth({
  hiddenSize,
  intermediateSize,
  headSize,
  queryHeads,
  keyValueHeads,
}: ModelConfig): number {
  const [queryWidth, keyWidth] = [queryHeads * headSize, keyValueHeads * headSize];
  return 3 * hiddenSize + 2 * queryWidth + 2 * keyWidth + 3 * intermediateSize;
}

export function makeActivations(
  backend: Backend,
  allocate: Allocate,
  config: ModelConfig,
  { rows: count, sequences, capacity, keepLayers }: TrainingSizes,
): Activations {
  const { hiddenSize, intermediateSize, headSize, queryHeads, keyValueHeads } = config;
  const matrix = (label: string, columns: number): Tensor => allocate(`training ${label}`, [count, columns]);
  const queryWidth = queryHeads * headSize;
  const keyWidth = keyValueHeads * headSize;
  const width = queryWidth + 2 * keyWidth;
  const angles = allocate('training angles', [capacity, headSize]);
  backend.write(angles, rotaryAngles(config.rope, headSize, capacity));
  /** The same tensor for the same rank, and name. */
  const byRank = (prefix: string): ((name: string, rank: number) => Tensor) => {
    const made = new Map<string, Tensor>();
    return (name, rank) => {
      const key = `${name} ${rank}`;
      const tensor = made.get(key) ?? matrix(`${prefix}low-rank ${key}`, rank);
      made.set(key, tensor);
      return tensor;
    };
  };
  const makeLayer = (prefix: string): LayerActivations => ({
    cache: {
      keys: allocate(`training ${prefix}keys`, [sequences, capacity, keyWidth]),
      values: allocate(`training ${prefix}values`, [sequences, capacity, keyWidth]),
      ...{ slots: sequences, capacity },
    },
    normed: matrix(`${prefix}normed`, hiddenSize),
    projections: matrix(`${prefix}projections`, width),
    unnormed: config.headNorms ? matrix(`${prefix}unnormed`, width) : undefined,
    attended: matrix(`${prefix}attended`, queryWidth),
    middle: matrix(`${prefix}middle`, hiddenSize),
    middleNormed: matrix(`${prefix}middle normed`, hiddenSize),
    gateUp: matrix(`${prefix}gate and up`, 2 * intermediateSize),
    gated: matrix(`${prefix}gated`, intermediateSize),
    lowRank: byRank(prefix),
  });
  const one = keepLayers ? undefined : makeLayer('');
  const gradientOf = byRank('');
  return {
    rows: backend.extent(count),
    rowTable: allocate('training row table', [count, ROW_FIELDS], 'u32'),
    heads: { queryHeads, keyValueHeads, headSize },
    angles,
    inputs: Array.from({ length: config.layers + 1 }, (_, i) => matrix(`input ${i}`, hiddenSize)),
    layers: Array.from({ length: config.layers }, (_, i) => one ?? makeLayer(`layer ${i} `)),
    attentionStatistics: matrix('attention statistics', queryHeads * ATTENTION_FIELDS),
    gradients: {
      residual: matrix('residual gradient', hiddenSize),
      normed: matrix('normed gradient', hiddenSize),
      projections: matrix('projections gradient', width),
      attended: matrix('attended gradient', queryWidth),
      gateUp: matrix('gate and up gradient', 2 * intermediateSize),
      gated: matrix('gated gradient', intermediateSize),
    },
    lowRankGradient: (rank) => gradientOf('gradient', rank),
  };
}
