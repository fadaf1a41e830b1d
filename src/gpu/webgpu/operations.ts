/** Builds the backend's operations: chooses kernels, binds buffers, and says how many workgroups a step needs. */
import { AppError } from '../../protocol/errors';
import type { AttentionArguments, Extent, Operation, Operations, Tensor } from '../backend';
import {
  checkAttention,
  checkCopyCache,
  checkEmbed,
  checkGate,
  checkHeadNorm,
  checkRotate,
  checkRowStatistics,
  checkSample,
  checkSelectRows,
  matrixShape,
} from '../checks';
import { attentionPartials, KEY_PARTS } from '../partials';
import {
  GpuOperation,
  makeDispatch,
  type Dispatch,
  type OperationContext,
  type Workgroups,
} from './dispatch';
import type { Kernel } from './kernel';
import { vectorOf } from './kernel';
import {
  attentionBlockHeads,
  attentionBlockRows,
  attentionKernel,
  supportsHeadSize,
} from './kernels/attention';
import { COPY_MAX_ROWS, COPY_THREADS, copyCacheKernel } from './kernels/copy-cache';
import { JOIN_THREADS, joinPartsKernel, joinWork } from './kernels/join-parts';
import { supportsTiles, tiledAttentionKernel, tiledAttentionWorkgroups } from './kernels/attention-tiled';
import { EMBED_THREADS, embedKernel, embedWork } from './kernels/embed';
import { GATE_THREADS, gateKernel } from './kernels/gate';
import { HEAD_NORM_THREADS, headNormKernel } from './kernels/head-norm';
import { ROTATE_THREADS, rotateKernel, rotateWork } from './kernels/rotate';
import { rowStatisticsKernel } from './kernels/row-statistics';
import { sampleKernel } from './kernels/sample';
import { sampleBlocks, samplePartsKernel } from './kernels/sample-parts';
import { SELECT_THREADS, selectRowsKernel } from './kernels/select-rows';
import { LinearBuilder, weightType } from './linear-operations';
import { gpuTensor } from './tensor';

/** Keys from which on a row's may be cut up. */
const SPLIT_KEYS = 512;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export function buildOperations(context: OperationContext): Operations {
  const { tuning } = context;
  const linears = new LinearBuilder(context);
  const dispatch = (
    kernel: Kernel,
    rows: Extent,
    buffers: readonly GPUBuffer[],
    workgroups: Dispatch['workgroups'],
  ): Dispatch => makeDispatch(context, kernel, rows, buffers, workgroups);

  const always = (name: string, rows: Extent, one: Dispatch): Operation => {
    const all = [one];
    return new GpuOperation(name, rows, () => all);
  };

  const buffer = (tensor: Tensor): GPUBuffer => gpuTensor(tensor).buffer;

  /** The keys cut up: two dispatches for up to `most` rows. */
  const splitAttention = (
    a: AttentionArguments,
    partials: Tensor,
  ): { most: number; dispatches: Dispatch[] } | undefined => {
    if (tuning.splitBelow === 0) return undefined;
    const { heads, cache } = a;
    const most = matrixShape(partials).rows / attentionPartials(1, heads)[0];
    const reads = [a.rowTable, a.projections, cache.keys, cache.values, partials].map(buffer);
    const blocks = heads.queryHeads / attentionBlockHeads(heads, tuning);
    const parts = dispatch(
      attentionKernel(heads, cache.capacity, 1, tuning, true),
      a.rows,
      reads,
      (rows): Workgroups => [rows, blocks * KEY_PARTS],
    );
    const join = dispatch(
      joinPartsKernel(heads, tuning),
      a.rows,
      [partials, a.output].map(buffer),
      (rows): Workgroups => [ceil(joinWork(heads), JOIN_THREADS), rows],
    );
    return { most, dispatches: [parts, join] };
  };

  return {
    embed(a) {
      checkEmbed(a);
      const { columns: width } = matrixShape(a.table);
      const type = weightType(a.table);
      const dispatches = gpuTensor(a.table).shards.map(({ buffer: table, scales, firstRow, rows }) => {
        const shape = { type, width, firstRow, rows };
        const buffers = [buffer(a.rowTable), buffer(a.output), table, ...(scales ? [scales] : [])];
        const groups = ceil(embedWork(shape), EMBED_THREADS);
        return dispatch(embedKernel(shape), a.rows, buffers, (count) => [groups, count]);
      });
      return new GpuOperation('embed', a.rows, () => dispatches);
    },

    linear: (a) => linears.linear(a),
    gatedLinear: (a) => linears.gatedLinear(a),

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
      const split = a.partials && splitAttention(a, a.partials);
      return new GpuOperation('attention', a.rows, ({ value, oneSequence, keys }) => {
        const whole = oneSequence && value > 1 ? together : apart;
        if (!split || keys < SPLIT_KEYS || value > split.most) return whole;
        const workgroups = whole.reduce((sum, { workgroups: of }) => sum + of(value)[0] * of(value)[1], 0);
        return workgroups < tuning.splitBelow ? split.dispatches : whole;
      });
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
      const blocks = sampleBlocks(vocabulary, tuning);
      const tables = [a.selected, a.settings, a.rowTable, a.seen, a.logits];
      const dispatches = [
        dispatch(
          samplePartsKernel(vocabulary, tuning),
          a.rows,
          [...tables, a.partials].map(buffer),
          (rows): Workgroups => [rows, blocks],
        ),
        dispatch(
          sampleKernel(vocabulary, tuning),
          a.rows,
          [...tables, a.partials, a.output].map(buffer),
          (rows): Workgroups => [rows, 1],
        ),
      ];
      return new GpuOperation('sample', a.rows, () => dispatches);
    },

    rowStatistics(a) {
      checkRowStatistics(a);
      const buffers = [a.input, a.targets, a.output].map(buffer);
      const kernel = rowStatisticsKernel(matrixShape(a.input).columns, a.temperature);
      return always(
        'rowStatistics',
        a.rows,
        dispatch(kernel, a.rows, buffers, (rows) => [rows, 1]),
      );
    },
  };
}
