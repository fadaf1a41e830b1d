/** The CPU backend's operations: shapes checked and arrays looked up once, loops run at every step. */
import type { InputNorm, KeyValueTensors, Operation, Operations } from '../backend';
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
import { attention, rotateAndCache, type CacheViews } from './attention';
import { copyCache } from './copy-cache';
import { embed, headNorm, rowStatistics, selectRows } from './elementwise';
import type { Kernels, MatrixView } from './kernels';
import { linearProduct } from './linear';
import { arraysOf, Scratch, type Floats } from './memory';
import { sampleRows } from './sample';
import { floats, integers, weightMatrix } from './tensor';

export class CpuOperation implements Operation {
  constructor(
    readonly name: string,
    readonly run: () => void,
  ) {}
}

export const cacheViews = (cache: KeyValueTensors): CacheViews => ({
  keys: floats(cache.keys),
  values: floats(cache.values),
  capacity: cache.capacity,
});

/** Scratch is shared by all operations of the backend, which run one at a time. */
export function buildOperations(kernels: Kernels): Operations {
  const [scaled, both] = [new Scratch(kernels.memory), new Scratch(kernels.memory)];
  const [widened, scores] = [new Scratch(kernels.memory), new Scratch(kernels.memory)];
  /** The input, normalised and scaled where that is asked for. */
  const prepare = (
    input: Floats,
    norm: InputNorm | undefined,
    scale: number,
    rows: number,
    width: number,
  ): Floats => {
    if (!norm && scale === 1) return input;
    const view = norm ? floats(norm.scratch) : scaled.take(rows * width);
    if (norm) {
      const { epsilon } = norm;
      const place = (of: Floats): MatrixView => ({ of, start: 0, rowStride: width });
      const [from, to, weight] = [place(input), place(view), floats(norm.weight)];
      kernels.rmsNorm({ input: from, weight, output: to, rows, width, epsilon });
      if (scale === 1) return view;
    }
    const [out, from] = [view.array, norm ? view.array : input.array];
    for (let i = 0; i < rows * width; i += 1) out[i] = from[i]! * scale;
    return view;
  };

  return {
    embed(a) {
      checkEmbed(a);
      const { columns } = matrixShape(a.table);
      const [table, rowTable, output] = [weightMatrix(a.table), integers(a.rowTable), floats(a.output)];
      return new CpuOperation('embed', () =>
        embed(kernels, table, rowTable.array, output, a.rows.value, columns),
      );
    },
    linear(a) {
      const { inputs, outputs, stride } = checkLinear(a);
      const [input, weight, output] = [floats(a.input), weightMatrix(a.weight), floats(a.output)];
      const bias = a.bias && floats(a.bias);
      const { accumulate = false, scale = 1, outputColumn = 0 } = a;
      return new CpuOperation('linear', () => {
        const rows = a.rows.value;
        const x = prepare(input, a.norm, scale, rows, inputs);
        const shape = { rows, inputs, outputs, stride, outputColumn };
        linearProduct(kernels, { input: x, weight, bias, output, accumulate, ...shape }, widened);
      });
    },
    gatedLinear(a) {
      const { inputs, outputs } = checkGatedLinear(a);
      const [input, weight, output] = [floats(a.input), weightMatrix(a.weight), floats(a.output)];
      const width = 2 * outputs;
      return new CpuOperation('gatedLinear', () => {
        const rows = a.rows.value;
        const x = prepare(input, a.norm, 1, rows, inputs);
        const product = both.take(rows * width);
        const shape = { rows, inputs, outputs: width, stride: width, outputColumn: 0 };
        const into = { input: x, weight, bias: undefined, output: product, accumulate: false };
        linearProduct(kernels, { ...into, ...shape }, widened);
        kernels.gate(product, output, rows, outputs);
      });
    },
    gate(a) {
      const { outputs } = checkGate(a);
      const [input, output] = [floats(a.input), floats(a.output)];
      return new CpuOperation('gate', () => kernels.gate(input, output, a.rows.value, outputs));
    },
    headNorm(a) {
      checkHeadNorm(a);
      const projections = floats(a.projections);
      const [queryWeight, keyWeight] = [
        a.queryWeight && floats(a.queryWeight),
        a.keyWeight && floats(a.keyWeight),
      ];
      return new CpuOperation('headNorm', () =>
        headNorm(kernels, projections, a.heads, queryWeight, keyWeight, a.rows.value, a.epsilon),
      );
    },
    rotateAndCache(a) {
      checkRotate(a);
      const [projections, angles, rowTable] = [floats(a.projections), floats(a.angles), integers(a.rowTable)];
      const cache = cacheViews(a.cache);
      return new CpuOperation('rotateAndCache', () =>
        rotateAndCache(projections.array, angles.array, rowTable.array, cache, a.heads, a.rows.value),
      );
    },
    attention(a) {
      checkAttention(a);
      const views = {
        ...{ projections: floats(a.projections), rowTable: integers(a.rowTable) },
        ...{ cache: cacheViews(a.cache), output: floats(a.output) },
      };
      return new CpuOperation('attention', () => attention(kernels, views, a.heads, a.rows.value, scores));
    },
    copyCache(a) {
      const { width } = checkCopyCache(a);
      const [cache, copyTable] = [cacheViews(a.cache), integers(a.copyTable)];
      return new CpuOperation('copyCache', () => copyCache(cache, copyTable.array, a.rows.value, width));
    },
    selectRows(a) {
      checkSelectRows(a);
      const { columns } = matrixShape(a.input);
      const [input, indices, output] = [floats(a.input), integers(a.indices), floats(a.output)];
      return new CpuOperation('selectRows', () =>
        selectRows(input.array, indices.array, output.array, a.rows.value, columns),
      );
    },
    sample(a) {
      const { vocabulary } = checkSample(a);
      const views = {
        ...{ logits: floats(a.logits), selected: integers(a.selected), output: floats(a.output) },
        ...{ settings: integers(a.settings), rowTable: integers(a.rowTable), seen: integers(a.seen) },
      };
      return new CpuOperation('sample', () => sampleRows(arraysOf(views), a.rows.value, vocabulary));
    },
    rowStatistics(a) {
      checkRowStatistics(a);
      const { columns } = matrixShape(a.input);
      const [input, targets, output] = [floats(a.input), integers(a.targets), floats(a.output)];
      return new CpuOperation('rowStatistics', () =>
        rowStatistics(kernels, input, targets.array, output.array, a.rows.value, columns, a.temperature),
      );
    },
  };
}
