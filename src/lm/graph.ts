/** The decoder-only transformer, once for all families, as two programs of backend operations. */
import type {
  Allocate,
  Backend,
  Extent,
  HeadShape,
  KeyValueTensors,
  Operation,
  Tensor,
} from '../gpu/backend';
import { ROW_FIELDS, STAT_FIELDS } from '../gpu/backend';
import { AppError } from '../protocol/errors';
import type { ModelConfig } from './config';
import { rotaryAngles } from './rope';
import type { ModelWeights } from './weights';

export interface GraphSizes {
  /** Sequences that the cache holds side by side. */
  slots: number;
  /** Positions per slot. */
  capacity: number;
  /** Most rows of one step. */
  stepRows: number;
  /** Most rows whose logits are computed at once. */
  headRows: number;
}

export interface Graph {
  sizes: GraphSizes;
  /** Rows of the current step; `rowTable` says what they are. */
  rows: Extent;
  rowTable: Tensor;
  /** Rows of the step whose logits are wanted; `selected` names them, `targets` a column of each for the statistics. */
  headRows: Extent;
  selected: Tensor;
  targets: Tensor;
  /** Embedding and all layers: fills the cache and the residual stream. */
  body: Operation[];
  /** Final norm and head on the selected rows: fills `logits` and `statistics`. */
  head: Operation[];
  /** Keys and values, layer by layer. */
  caches: KeyValueTensors[];
  /** `[stepRows, hidden]`, the residual stream. */
  residual: Tensor;
  logits: Tensor;
  statistics: Tensor;
}

/** Allocates activations and cache and builds the operations; `backend.ready()` must follow. */
export function buildGraph(
  backend: Backend,
  allocate: Allocate,
  config: ModelConfig,
  weights: ModelWeights,
  sizes: GraphSizes,
): Graph {
  const { operations: op } = backend;
  const { hiddenSize, intermediateSize, vocabSize, headSize, normEpsilon: epsilon } = config;
  const { slots, capacity, stepRows } = sizes;
  const heads: HeadShape = {
    queryHeads: config.queryHeads,
    keyValueHeads: config.keyValueHeads,
    headSize,
  };
  const queryWidth = heads.queryHeads * headSize;
  const keyValueWidth = heads.keyValueHeads * headSize;

  const rows = backend.extent(stepRows);
  const rowTable = allocate('row table', [stepRows, ROW_FIELDS], 'u32');
  const residual = allocate('residual', [stepRows, hiddenSize]);
  const projections = allocate('projections', [stepRows, queryWidth + 2 * keyValueWidth]);
  const attended = allocate('attended', [stepRows, queryWidth]);
  const gated = allocate('gated', [stepRows, intermediateSize]);
  const angles = allocate('angles', [capacity, headSize]);
  backend.write(angles, rotaryAngles(config.rope, headSize, capacity));

  if (config.headNorms) throw new AppError('UNSUPPORTED', 'Norms over attention heads are not done yet.');
  const body: Operation[] = [op.embed({ rows, table: weights.embedding, rowTable, output: residual })];
  const caches: KeyValueTensors[] = [];
  weights.layers.forEach((layer, index) => {
    const cache: KeyValueTensors = {
      keys: allocate(`layer ${index} keys`, [slots, capacity, keyValueWidth]),
      values: allocate(`layer ${index} values`, [slots, capacity, keyValueWidth]),
      slots,
      capacity,
    };
    caches.push(cache);
    body.push(
      op.linear({
        rows,
        input: residual,
        norm: { weight: layer.attentionNorm, epsilon },
        weight: layer.projections,
        ...(layer.projectionBias && { bias: layer.projectionBias }),
        output: projections,
      }),
      op.rotateAndCache({ rows, rowTable, heads, projections, angles, cache }),
      op.attention({ rows, rowTable, heads, projections, cache, output: attended }),
      op.linear({
        rows,
        input: attended,
        weight: layer.attentionOutput,
        ...(layer.outputBias && { bias: layer.outputBias }),
        output: residual,
        accumulate: true,
      }),
      op.gatedLinear({
        rows,
        input: residual,
        norm: { weight: layer.mlpNorm, epsilon },
        weight: layer.gateUp,
        output: gated,
      }),
      op.linear({ rows, input: gated, weight: layer.down, output: residual, accumulate: true }),
    );
  });

  const headRows = backend.extent(sizes.headRows);
  const selected = allocate('selected rows', [sizes.headRows], 'u32');
  const targets = allocate('targets', [sizes.headRows], 'u32');
  const chosen = allocate('chosen', [sizes.headRows, hiddenSize]);
  const logits = allocate('logits', [sizes.headRows, vocabSize]);
  const statistics = allocate('statistics', [sizes.headRows, STAT_FIELDS]);
  const head: Operation[] = [
    op.selectRows({ rows: headRows, input: residual, indices: selected, output: chosen }),
    op.linear({
      rows: headRows,
      input: chosen,
      norm: { weight: weights.finalNorm, epsilon },
      weight: weights.head,
      output: logits,
    }),
    op.rowStatistics({ rows: headRows, input: logits, targets, output: statistics }),
  ];
  return {
    ...{ sizes, rows, rowTable, headRows, selected, targets },
    ...{ body, head, caches, residual, logits, statistics },
  };
}
