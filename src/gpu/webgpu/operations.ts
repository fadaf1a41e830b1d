/** Builds the backend's operations: chooses kernels, binds buffers, and says how many workgroups a step needs. */
import { AppError } from '../../protocol/errors';
import type { Extent, LinearArguments, Operation, Operations, RmsNorm, Tensor } from '../backend';
import {
  checkAttention,
  checkCopyCache,
  checkEmbed,
  checkGate,
  checkGatedLinear,
  checkHeadNorm,
  checkLinear,
  checkRotate,
  checkRowStatistics,
  checkSample,
  checkSelectRows,
  matrixShape,
} from '../checks';
import type { Kernel } from './kernel';
import { vectorOf } from './kernel';
import {
  attentionBlockHeads,
  attentionBlockRows,
  attentionKernel,
  supportsHeadSize,
} from './kernels/attention';
import { COPY_MAX_ROWS, COPY_THREADS, copyCacheKernel } from './kernels/copy-cache';
import { supportsTiles, tiledAttentionKernel, tiledAttentionWorkgroups } from './kernels/attention-tiled';
import { EMBED_THREADS, embedKernel } from './kernels/embed';
import { GATE_THREADS, gateKernel } from './kernels/gate';
import { HEAD_NORM_THREADS, headNormKernel } from './kernels/head-norm';
import { inverseRmsKernel } from './kernels/inverse-rms';
import { optionalBindings, type LinearShape } from './kernels/linear-options';
import { lanesFor, linearRowsKernel, rowsWorkgroups, type RowsForm } from './kernels/linear-rows';
import { linearTiledKernel, TILE_COLUMNS, TILE_ROWS } from './kernels/linear-tiled';
import { ROTATE_THREADS, rotateKernel, rotateWork } from './kernels/rotate';
import { rowStatisticsKernel } from './kernels/row-statistics';
import { sampleKernel } from './kernels/sample';
import { SELECT_THREADS, selectRowsKernel } from './kernels/select-rows';
import type { BuiltKernel, Pipelines } from './pipelines';
import { gpuTensor, type Shard } from './tensor';
import type { Tuning } from './tuning';

type Workgroups = [number, number];

/** One dispatch: what runs over which buffers, and how much of it for how many rows. */
interface Dispatch {
  built: BuiltKernel;
  bindGroup: GPUBindGroup;
  workgroups: (rows: number) => Workgroups;
}

export class GpuOperation implements Operation {
  constructor(
    readonly name: string,
    readonly rows: Extent,
    /** The dispatches for the extent's present value. */
    readonly select: (rows: Extent) => readonly Dispatch[],
  ) {}

  encode(pass: GPUComputePassEncoder): void {
    const rows = this.rows.value;
    if (rows === 0) return;
    for (const { built, bindGroup, workgroups } of this.select(this.rows)) {
      if (!built.pipeline) throw new AppError('INTERNAL', `${this.name} was run before it was ready.`);
      pass.setPipeline(built.pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups(rows));
    }
  }
}

export interface OperationContext {
  device: GPUDevice;
  pipelines: Pipelines;
  tuning: Tuning;
  extentBuffer: (extent: Extent) => GPUBuffer;
  /** A buffer for `floats` intermediate results, shared by all operations: they run one after the other. */
  scratch: (floats: number) => GPUBuffer;
}

/** Steps up to so many rows read the weights row by row; up to so many again, once for four rows; above, in tiles. */
const SINGLE_ROWS = 2;
const FEW_ROWS = 16;
/** Without tiles: rows and columns that a thread computes at once, so that each load serves four products. */
const ROWS_APART = 4;
const COLUMNS_APART = 4;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export function buildOperations(context: OperationContext): Operations {
  const { device, pipelines, tuning } = context;
  const tiled = tuning.products === 'tiled';

  const dispatch = (
    kernel: Kernel,
    rows: Extent,
    buffers: readonly GPUBuffer[],
    workgroups: Dispatch['workgroups'],
  ): Dispatch => {
    const built = pipelines.get(kernel);
    const entries = [context.extentBuffer(rows), ...buffers].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    }));
    const bindGroup = device.createBindGroup({ label: kernel.name, layout: built.layout, entries });
    return { built, bindGroup, workgroups };
  };

  const always = (name: string, rows: Extent, one: Dispatch): Operation => {
    const all = [one];
    return new GpuOperation(name, rows, () => all);
  };

  /** One linear layer over one shard of its weight, in the forms for one row, a few and many. */
  const linearForms = (
    a: Omit<LinearArguments, 'weight'>,
    shape: LinearShape,
    shard: Shard,
    inverseRms: GPUBuffer | undefined,
  ): { single: Dispatch; few: Dispatch; many: Dispatch } => {
    const buffersFor = (given: 'computed' | 'given'): GPUBuffer[] => {
      const optional = {
        normWeight: a.norm && gpuTensor(a.norm.weight).buffer,
        inverseRms,
        bias: a.bias && gpuTensor(a.bias).buffer,
      };
      const buffers = [gpuTensor(a.input).buffer, shard.buffer, gpuTensor(a.output).buffer];
      for (const name of optionalBindings(shape, given)) {
        const found = optional[name];
        if (!found) throw new AppError('INTERNAL', `linear: ${name} is missing.`);
        buffers.push(found);
      }
      return buffers;
    };
    const byRows = (form: RowsForm): Dispatch =>
      dispatch(linearRowsKernel(shape, form, tuning), a.rows, buffersFor('computed'), (rows) =>
        rowsWorkgroups(form, shape.outputs, rows),
      );
    if (!tiled) {
      const many = byRows({ lanes: 1, rows: ROWS_APART, columns: COLUMNS_APART });
      return { single: byRows({ lanes: 1, rows: 1, columns: 1 }), few: many, many };
    }
    const lanes = lanesFor(shape.inputs);
    return {
      single: byRows({ lanes, rows: 1, columns: 1 }),
      few: byRows({ lanes, rows: 4, columns: 1 }),
      many: dispatch(linearTiledKernel(shape, tuning), a.rows, buffersFor('given'), (rows) => [
        ceil(shape.outputs, TILE_COLUMNS),
        ceil(rows, TILE_ROWS),
      ]),
    };
  };

  const linearOperation = (
    name: string,
    a: Omit<LinearArguments, 'weight'>,
    norm: RmsNorm | undefined,
    inputs: number,
    shards: { shape: LinearShape; shard: Shard }[],
  ): Operation => {
    const inverseRms = norm && tiled ? context.scratch(a.rows.maximum) : undefined;
    const before: Dispatch[] = [];
    if (norm && inverseRms) {
      const kernel = inverseRmsKernel(inputs, norm.epsilon);
      before.push(dispatch(kernel, a.rows, [gpuTensor(a.input).buffer, inverseRms], (rows) => [rows, 1]));
    }
    const forms = shards.map(({ shape, shard }) => linearForms(a, shape, shard, inverseRms));
    const single = forms.map((form) => form.single);
    const few = forms.map((form) => form.few);
    const many = [...before, ...forms.map((form) => form.many)];
    return new GpuOperation(name, a.rows, ({ value }) =>
      value <= SINGLE_ROWS ? single : value <= FEW_ROWS ? few : many,
    );
  };

  const buffer = (tensor: Tensor): GPUBuffer => gpuTensor(tensor).buffer;

  const expectFloats = (weight: Tensor): void => {
    if (weight.dtype === 'f32') return;
    throw new AppError(
      'UNSUPPORTED',
      `${weight.label} is ${weight.dtype}, which the GPU does not compute with yet.`,
    );
  };

  return {
    embed(a) {
      checkEmbed(a);
      expectFloats(a.table);
      const { columns: width } = matrixShape(a.table);
      const dispatches = gpuTensor(a.table).shards.map(({ buffer: table, firstRow, rows }) =>
        dispatch(
          embedKernel({ width, firstRow, rows }),
          a.rows,
          [buffer(a.rowTable), table, buffer(a.output)],
          (count) => [ceil(vectorOf(width).count, EMBED_THREADS), count],
        ),
      );
      return new GpuOperation('embed', a.rows, () => dispatches);
    },

    linear(a) {
      const { inputs, stride } = checkLinear(a);
      expectFloats(a.weight);
      const { outputColumn = 0, scale = 1, accumulate = false } = a;
      const shards = gpuTensor(a.weight).shards.map((shard) => ({
        shard,
        shape: {
          ...{ inputs, outputs: shard.rows, firstOutput: shard.firstRow },
          ...{ outputColumn: outputColumn + shard.firstRow, outputStride: stride, scale },
          ...{ epsilon: a.norm?.epsilon, bias: a.bias !== undefined, accumulate, gated: false },
        },
      }));
      return linearOperation('linear', a, a.norm, inputs, shards);
    },

    gatedLinear(a) {
      const { inputs, outputs } = checkGatedLinear(a);
      expectFloats(a.weight);
      const shape = {
        ...{ inputs, outputs, firstOutput: 0, outputColumn: 0, outputStride: outputs, scale: 1 },
        ...{ epsilon: a.norm?.epsilon, bias: false, accumulate: false, gated: true },
      };
      const shard = { buffer: buffer(a.weight), scales: undefined, firstRow: 0, rows: outputs };
      return linearOperation('gatedLinear', a, a.norm, inputs, [{ shape, shard }]);
    },

    gate(a) {
      const { outputs } = checkGate(a);
      const groups = ceil(vectorOf(outputs).count, GATE_THREADS);
      const buffers = [a.input, a.output].map(buffer);
      const one = dispatch(gateKernel(outputs), a.rows, buffers, (rows) => [groups, rows]);
      return always('gate', a.rows, one);
    },

    headNorm(a) {
      checkHeadNorm(a);
      const { queryWeight, keyWeight } = a;
      const parts = { queries: queryWeight !== undefined, keys: keyWeight !== undefined };
      if (!queryWeight && !keyWeight) return new GpuOperation('headNorm', a.rows, () => []);
      const weights = [queryWeight, keyWeight].filter((weight) => weight !== undefined);
      const buffers = [a.projections, ...weights].map(buffer);
      const heads = (parts.queries ? a.heads.queryHeads : 0) + (parts.keys ? a.heads.keyValueHeads : 0);
      const kernel = headNormKernel(a.heads, parts, a.epsilon);
      const one = dispatch(kernel, a.rows, buffers, (rows) => [ceil(heads, HEAD_NORM_THREADS), rows]);
      return always('headNorm', a.rows, one);
    },

    rotateAndCache(a) {
      checkRotate(a);
      const buffers = [a.rowTable, a.angles, a.projections, a.cache.keys, a.cache.values].map(buffer);
      const work = rotateWork(a.heads);
      const one = dispatch(rotateKernel(a.heads, a.cache.capacity), a.rows, buffers, (rows) => [
        ceil(work, ROTATE_THREADS),
        rows,
      ]);
      return always('rotateAndCache', a.rows, one);
    },

    attention(a) {
      checkAttention(a);
      if (!supportsHeadSize(a.heads.headSize)) {
        throw new AppError('UNSUPPORTED', `A head size of ${a.heads.headSize} is not supported on the GPU.`, {
          fix: 'Use the CPU for this model.',
        });
      }
      const buffers = [a.rowTable, a.projections, a.cache.keys, a.cache.values, a.output].map(buffer);
      const form = (blockRows: number): Dispatch[] => [
        dispatch(attentionKernel(a.heads, a.cache.capacity, blockRows, tuning), a.rows, buffers, (rows) => [
          ceil(rows, blockRows),
          a.heads.queryHeads / attentionBlockHeads(a.heads, tuning),
        ]),
      ];
      const apart = form(1);
      const together = supportsTiles(a.heads)
        ? [
            dispatch(tiledAttentionKernel(a.heads, a.cache.capacity, tuning), a.rows, buffers, (rows) =>
              tiledAttentionWorkgroups(a.heads, rows),
            ),
          ]
        : form(attentionBlockRows(a.heads, tuning));
      return new GpuOperation('attention', a.rows, ({ value, oneSequence }) =>
        oneSequence && value > 1 ? together : apart,
      );
    },

    copyCache(a) {
      const { width } = checkCopyCache(a);
      const buffers = [a.copyTable, a.cache.keys, a.cache.values].map(buffer);
      const groups = ceil(vectorOf(width).count, COPY_THREADS);
      return always(
        'copyCache',
        a.rows,
        dispatch(copyCacheKernel(width, a.cache.capacity), a.rows, buffers, (rows) => [
          groups,
          Math.min(rows, COPY_MAX_ROWS),
        ]),
      );
    },

    selectRows(a) {
      checkSelectRows(a);
      const { columns: width } = matrixShape(a.input);
      const buffers = [a.indices, a.input, a.output].map(buffer);
      const groups = ceil(vectorOf(width).count, SELECT_THREADS);
      return always(
        'selectRows',
        a.rows,
        dispatch(selectRowsKernel(width), a.rows, buffers, (rows) => [groups, rows]),
      );
    },

    sample(a) {
      const { vocabulary } = checkSample(a);
      const tensors = [a.selected, a.settings, a.rowTable, a.seen, a.logits, a.output];
      const one = dispatch(sampleKernel(vocabulary, tuning), a.rows, tensors.map(buffer), (rows) => [
        rows,
        1,
      ]);
      return always('sample', a.rows, one);
    },

    rowStatistics(a) {
      checkRowStatistics(a);
      const buffers = [a.input, a.targets, a.output].map(buffer);
      const kernel = rowStatisticsKernel(matrixShape(a.input).columns);
      return always(
        'rowStatistics',
        a.rows,
        dispatch(kernel, a.rows, buffers, (rows) => [rows, 1]),
      );
    },
  };
}
