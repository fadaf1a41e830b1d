/** The decoder-only transformer, once for all families, as programs of backend operations. */
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
import { attentionPartials } from '../gpu/partials';
import type { ModelConfig } from './config';
import { ResidentAdapters, type LayerOperations } from './lora/resident-adapters';
import { rotaryAngles } from './rope';
import type { ModelWeights } from './weights';

/** Most sequences decoded together whose keys may be cut up; with more of them there is work enough without. */
const SPLIT_ROWS = 16;

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
  /** The same with a resident adapter on; `body` without one. Throws NOT_FOUND where it is not resident. */
  program(adapter?: string): readonly Operation[];
  /** Their memory is their own: `dispose` frees it. */
  adapters: ResidentAdapters;
  /** Final norm and head on the selected rows: fills `logits` and `statistics`. */
  head: Operation[];
  /** The same with the statistics of logits ÷ temperature. */
  headAt(temperature: number): Promise<readonly Operation[]>;
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
  const scratch = allocate('normalised', [stepRows, hiddenSize]);
  const partials = allocate('attention partials', attentionPartials(Math.min(slots, SPLIT_ROWS), heads));
  const angles = allocate('angles', [capacity, headSize]);
  backend.write(angles, rotaryAngles(config.rope, headSize, capacity));

  const embed = op.embed({ rows, table: weights.embedding, rowTable, output: residual });
  const caches: KeyValueTensors[] = [];
  const layers = weights.layers.map((layer, index): LayerOperations => {
    const cache: KeyValueTensors = {
      keys: allocate(`layer ${index} keys`, [slots, capacity, keyValueWidth]),
      values: allocate(`layer ${index} values`, [slots, capacity, keyValueWidth]),
      slots,
      capacity,
    };
    caches.push(cache);
    const attentionNorm = { weight: layer.attentionNorm, epsilon, scratch };
    const mlpNorm = { weight: layer.mlpNorm, epsilon, scratch };
    const { headNorms } = layer;
    return {
      ...{ attentionNorm, mlpNorm, gateUpWeight: layer.gateUp },
      project: op.linear({
        rows,
        input: residual,
        norm: attentionNorm,
        weight: layer.projections,
        ...(layer.projectionBias && { bias: layer.projectionBias }),
        output: projections,
      }),
      attend: [
        ...(headNorms
          ? [
              op.headNorm({
                ...{ rows, heads, projections, epsilon },
                ...{ queryWeight: headNorms.query, keyWeight: headNorms.key },
              }),
            ]
          : []),
        op.rotateAndCache({ rows, rowTable, heads, projections, angles, cache }),
        op.attention({ rows, rowTable, heads, projections, cache, output: attended, partials }),
      ],
      output: op.linear({
        rows,
        input: attended,
        weight: layer.attentionOutput,
        ...(layer.outputBias && { bias: layer.outputBias }),
        output: residual,
        accumulate: true,
      }),
      gated: op.gatedLinear({ rows, input: residual, norm: mlpNorm, weight: layer.gateUp, output: gated }),
      down: op.linear({ rows, input: gated, weight: layer.down, output: residual, accumulate: true }),
    };
  });
  const body = [
    embed,
    ...layers.flatMap(({ project, attend, output, gated, down }) => [
      project,
      ...attend,
      output,
      gated,
      down,
    ]),
  ];
  const activations = { rows, residual, projections, attended, gated };
  const adapters = new ResidentAdapters(backend, config, activations, embed, layers);

  const headRows = backend.extent(sizes.headRows);
  const selected = allocate('selected rows', [sizes.headRows], 'u32');
  const targets = allocate('targets', [sizes.headRows], 'u32');
  const chosen = allocate('chosen', [sizes.headRows, hiddenSize]);
  const logits = allocate('logits', [sizes.headRows, vocabSize]);
  const statistics = allocate('statistics', [sizes.headRows, STAT_FIELDS]);
  const statisticsAt = (temperature: number): Operation =>
    op.rowStatistics({ rows: headRows, input: logits, targets, temperature, output: statistics });
  const head: Operation[] = [
    op.selectRows({ rows: headRows, input: residual, indices: selected, output: chosen }),
    op.linear({
      rows: headRows,
      input: chosen,
      norm: { weight: weights.finalNorm, epsilon, scratch },
      weight: weights.head,
      output: logits,
    }),
    statisticsAt(1),
  ];
  const headsAt = new Map<number, readonly Operation[]>([[1, head]]);
  const headAt = async (temperature: number): Promise<readonly Operation[]> => {
    const known = headsAt.get(temperature) ?? [...head.slice(0, -1), statisticsAt(temperature)];
    headsAt.set(temperature, known);
    await backend.ready();
    return known;
  };
  return {
    ...{ sizes, rows, rowTable, headRows, selected, targets },
    ...{ body, head, headAt, caches, residual, logits, statistics, adapters },
    program: (adapter) => (adapter === undefined ? body : adapters.program(adapter)),
  };
}
