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
}

export interface Activations {
  rows: Extent;
  rowTable: Tensor;
  heads: HeadShape;
  angles: Tensor;
  /** Of the layer that is being computed. */
  cache: KeyValueTensors;
  /** `[layers + 1]` of `[rows, hidden]`: what goes into each layer, and what comes out of the last. */
  inputs: Tensor[];
  /** Of one layer, in the order in which they are computed; each with a gradient of its shape. */
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
  /** `[rows, rank]`, one for each name and rank. */
  lowRank: (name: string, rank: number) => Tensor;
}

export function makeActivations(
  backend: Backend,
  allocate: Allocate,
  config: ModelConfig,
  { rows: count, sequences, capacity }: TrainingSizes,
): Activations {
  const { hiddenSize, intermediateSize, headSize, queryHeads, keyValueHeads } = config;
  const matrix = (label: string, columns: number): Tensor => allocate(`training ${label}`, [count, columns]);
  const queryWidth = queryHeads * headSize;
  const keyWidth = keyValueHeads * headSize;
  const width = queryWidth + 2 * keyWidth;
  const angles = allocate('training angles', [capacity, headSize]);
  backend.write(angles, rotaryAngles(config.rope, headSize, capacity));
  const low = new Map<string, Tensor>();
  return {
    rows: backend.extent(count),
    rowTable: allocate('training row table', [count, ROW_FIELDS], 'u32'),
    heads: { queryHeads, keyValueHeads, headSize },
    angles,
    cache: {
      keys: allocate('training keys', [sequences, capacity, keyWidth]),
      values: allocate('training values', [sequences, capacity, keyWidth]),
      ...{ slots: sequences, capacity },
    },
    inputs: Array.from({ length: config.layers + 1 }, (_, i) => matrix(`input ${i}`, hiddenSize)),
    normed: matrix('normed', hiddenSize),
    projections: matrix('projections', width),
    unnormed: config.headNorms ? matrix('unnormed', width) : undefined,
    attended: matrix('attended', queryWidth),
    middle: matrix('middle', hiddenSize),
    middleNormed: matrix('middle normed', hiddenSize),
    gateUp: matrix('gate and up', 2 * intermediateSize),
    gated: matrix('gated', intermediateSize),
    attentionStatistics: matrix('attention statistics', queryHeads * ATTENTION_FIELDS),
    gradients: {
      residual: matrix('residual gradient', hiddenSize),
      normed: matrix('normed gradient', hiddenSize),
      projections: matrix('projections gradient', width),
      attended: matrix('attended gradient', queryWidth),
      gateUp: matrix('gate and up gradient', 2 * intermediateSize),
      gated: matrix('gated gradient', intermediateSize),
    },
    lowRank(name, rank) {
      const key = `${name} ${rank}`;
      const tensor = low.get(key) ?? matrix(`low-rank ${key}`, rank);
      low.set(key, tensor);
      return tensor;
    },
  };
}
