/** The training operations on WebGPU: checks, kernels, and how many workgroups a step needs. */
import type { Extent, Operation, Tensor } from '../../backend';
import type {
  AttentionGradientArguments,
  HeadNormGradientArguments,
  TrainingOperations,
} from '../../training';
import {
  checkAttentionGradient,
  checkEmbedGradient,
  checkGateGradient,
  checkHeadNormGradient,
  checkLogitGradient,
  checkMove,
  checkNormed,
  checkRotateGradient,
  checkTokenLoss,
  elements,
} from '../../training-checks';
import {
  GpuOperation,
  makeDispatch,
  type Dispatch,
  type OperationContext,
  type Workgroups,
} from '../dispatch';
import type { Kernel } from '../kernel';
import { normaliseKernel } from '../kernels/normalise';
import { gpuTensor } from '../tensor';
import { attentionStatisticsKernel, keyValueGradientKernel, queryGradientKernel } from './attention-gradient';
import {
  keyTiles,
  queryTiles,
  supportsGradientTiles,
  tiledKeyValueGradientKernel,
  tiledQueryGradientKernel,
  tiledStatisticsKernel,
} from './attention-gradient-tiled';
import { THREADS } from './bindings';
import { ElementOperations } from './elements';
import { gateGradientKernel } from './gate-gradient';
import { headNormGradientKernel, headNormWeightGradientKernel } from './head-norm-gradient';
import { normGradientKernel, normWeightGradientKernel } from './norm-gradient';
import { linearInputGradient, linearWeightGradient } from './products';
import { rotateGradientKernel, rotatePairs } from './rotate-gradient';
import { biasGradientKernel, embedGradientKernel, moveRowsKernel } from './rows';
import { LOGIT_THREADS, logitGradientKernel, tokenStatisticsKernel } from './token-loss';

const groups = (count: number, threads = THREADS): number => Math.ceil(count / threads);

export function gpuTrainingOperations(
  context: OperationContext,
  makeExtent: () => Extent,
): TrainingOperations {
  const { tuning } = context;
  const elementwise = new ElementOperations(context, makeExtent);
  const bufferOf = (item: Tensor | GPUBuffer): GPUBuffer => ('dtype' in item ? gpuTensor(item).buffer : item);
  const dispatch = (
    kernel: Kernel,
    rows: Extent,
    items: readonly (Tensor | GPUBuffer)[],
    workgroups: (rows: number) => Workgroups,
  ): Dispatch => makeDispatch(context, kernel, rows, items.map(bufferOf), workgroups);
  const operation = (name: string, rows: Extent, ...dispatches: Dispatch[]): Operation =>
    new GpuOperation(name, rows, () => dispatches);
  const perRow = (rows: number): Workgroups => [rows, 1];
  const across =
    (count: number, threads = THREADS) =>
    (rows: number): Workgroups => [groups(count, threads), rows];
  const once = (count: number) => (): Workgroups => [groups(count), 1];

  const headNormParts = (a: HeadNormGradientArguments): Dispatch[] => {
    const { queryHeads, keyValueHeads } = a.heads;
    const parts = [
      { weight: a.queryWeight, weightGradient: a.queryWeightGradient, first: 0, count: queryHeads },
      {
        ...{ weight: a.keyWeight, weightGradient: a.keyWeightGradient },
        ...{ first: queryHeads, count: keyValueHeads },
      },
    ];
    return parts.flatMap(({ weight, weightGradient, first, count }) => {
      if (!weight) return [];
      const shape = [a.heads, { first, count }, a.epsilon, tuning] as const;
      const inPlace = dispatch(
        headNormGradientKernel(...shape),
        a.rows,
        [a.projections, weight, a.gradient],
        across(count),
      );
      if (!weightGradient) return [inPlace];
      const ofWeight = dispatch(
        headNormWeightGradientKernel(...shape),
        a.rows,
        [a.projections, a.gradient, weightGradient],
        once(a.heads.headSize),
      );
      return [ofWeight, inPlace];
    });
  };

  const attentionParts = (a: AttentionGradientArguments): Dispatch[] => {
    const { heads, cache, rows, rowTable, projections, outputGradient, statistics } = a;
    const shape = [heads, cache.capacity, tuning] as const;
    const both = [rowTable, projections, cache.keys, cache.values, outputGradient, statistics, a.gradient];
    const forStatistics = [rowTable, projections, cache.keys, a.output, outputGradient, statistics];
    if (supportsGradientTiles(heads, cache.capacity, tuning)) {
      const queries = (count: number): Workgroups => queryTiles(heads, count, tuning);
      return [
        dispatch(tiledStatisticsKernel(...shape), rows, forStatistics, queries),
        dispatch(tiledQueryGradientKernel(...shape), rows, both, queries),
        dispatch(tiledKeyValueGradientKernel(...shape), rows, both, (count) =>
          keyTiles(heads, count, tuning),
        ),
      ];
    }
    const queries = (count: number): Workgroups => [count, heads.queryHeads];
    return [
      dispatch(attentionStatisticsKernel(...shape), rows, forStatistics, queries),
      dispatch(queryGradientKernel(...shape), rows, both, queries),
      dispatch(keyValueGradientKernel(...shape), rows, both, (count) => [count, heads.keyValueHeads]),
    ];
  };

  return {
    rmsNorm(a) {
      const width = checkNormed('rmsNorm', a, a.output);
      const kernel = normaliseKernel(width, a.norm.epsilon);
      return operation(
        'rmsNorm',
        a.rows,
        dispatch(kernel, a.rows, [a.input, a.norm.weight, a.output], perRow),
      );
    },

    rmsNormGradient(a) {
      const width = checkNormed('rmsNormGradient', a, a.outputGradient, a.inputGradient);
      const factors = a.weightGradient && context.scratch(a.rows.maximum);
      const kernel = normGradientKernel(width, a.norm.epsilon, {
        ...{ accumulate: a.accumulate ?? false, factors: factors !== undefined },
      });
      const buffers = [a.input, a.norm.weight, a.outputGradient, a.inputGradient];
      const first = dispatch(kernel, a.rows, [...buffers, ...(factors ? [factors] : [])], perRow);
      if (!factors || !a.weightGradient) return operation('rmsNormGradient', a.rows, first);
      const weightBuffers = [a.input, a.outputGradient, factors, a.weightGradient];
      const second = dispatch(normWeightGradientKernel(width), a.rows, weightBuffers, once(width));
      return operation('rmsNormGradient', a.rows, first, second);
    },

    headNormGradient(a) {
      checkHeadNormGradient(a);
      return operation('headNormGradient', a.rows, ...headNormParts(a));
    },

    rotateGradient(a) {
      checkRotateGradient(a);
      const buffers = [a.rowTable, a.angles, a.gradient];
      const one = dispatch(rotateGradientKernel(a.heads), a.rows, buffers, across(rotatePairs(a.heads)));
      return operation('rotateGradient', a.rows, one);
    },

    attentionGradient(a) {
      checkAttentionGradient(a);
      return operation('attentionGradient', a.rows, ...attentionParts(a));
    },

    gateGradient(a) {
      const width = checkGateGradient(a);
      const buffers = [a.input, a.outputGradient, a.inputGradient];
      return operation(
        'gateGradient',
        a.rows,
        dispatch(gateGradientKernel(width), a.rows, buffers, across(width)),
      );
    },

    linearInputGradient: (a) => linearInputGradient(context, a),
    linearWeightGradient: (a) => linearWeightGradient(context, a),

    biasGradient(a) {
      const width = elements(a.biasGradient);
      const buffers = [a.outputGradient, a.biasGradient];
      return operation(
        'biasGradient',
        a.rows,
        dispatch(biasGradientKernel(width), a.rows, buffers, once(width)),
      );
    },

    embedGradient(a) {
      const width = checkEmbedGradient(a);
      const dispatches = gpuTensor(a.tableGradient).shards.map(({ buffer, firstRow, rows }) => {
        const kernel = embedGradientKernel(width, firstRow, rows);
        return dispatch(kernel, a.rows, [a.rowTable, a.outputGradient, buffer], across(width));
      });
      return operation('embedGradient', a.rows, ...dispatches);
    },

    copyRows(a) {
      const width = checkMove('copyRows', a);
      const one = dispatch(moveRowsKernel(width, false), a.rows, [a.input, a.output], across(width));
      return operation('copyRows', a.rows, one);
    },

    scatterRows(a) {
      const width = checkMove('scatterRows', a);
      const buffers = [a.indices, a.input, a.output];
      return operation(
        'scatterRows',
        a.rows,
        dispatch(moveRowsKernel(width, true), a.rows, buffers, across(width)),
      );
    },

    tokenStatistics(a) {
      const kernel = tokenStatisticsKernel(checkTokenLoss(a), a.temperature);
      const buffers = [a.logits, a.targets, a.selected, a.statistics];
      return operation('tokenStatistics', a.rows, dispatch(kernel, a.rows, buffers, perRow));
    },

    logitGradient(a) {
      const width = checkLogitGradient(a);
      const buffers = [a.logits, a.targets, a.selected, a.statistics, a.slopes];
      const kernel = logitGradientKernel(width, a.temperature);
      return operation(
        'logitGradient',
        a.rows,
        dispatch(kernel, a.rows, buffers, across(width, LOGIT_THREADS)),
      );
    },

    clear: (tensor) => elementwise.clear(tensor),
    squareSum: (a) => elementwise.squareSum(a),
    adamW: (a) => elementwise.adamW(a),
    dispose: () => elementwise.dispose(),
  };
}
