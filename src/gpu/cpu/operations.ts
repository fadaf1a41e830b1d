/** The CPU backend's operations: shapes checked and arrays looked up once, loops run at every step. */
import type { KeyValueTensors, Operation, Operations, RmsNorm } from '../backend';
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
import { Attention, rotateAndCache, type CacheArrays } from './attention';
import { copyCache } from './copy-cache';
import { embed, headNorm, rmsNorm, rowStatistics, selectRows, swiGlu } from './elementwise';
import { linearProduct } from './linear';
import { sampleRows } from './sample';
import { floats, integers, weightRows } from './tensor';

export class CpuOperation implements Operation {
  constructor(
    readonly name: string,
    readonly run: () => void,
  ) {}
}

const cacheArrays = (cache: KeyValueTensors): CacheArrays => ({
  keys: floats(cache.keys),
  values: floats(cache.values),
  capacity: cache.capacity,
});

/** Scratch arrays grow to the largest step and are shared by all operations of the backend, which run one at a time. */
class Scratch {
  #array = new Float32Array(0);

  take(length: number): Float32Array {
    if (this.#array.length < length) this.#array = new Float32Array(length);
    return this.#array;
  }
}

export function buildOperations(): Operations {
  const normed = new Scratch();
  const both = new Scratch();
  const widened = new Scratch();
  const scratch = (length: number): Float32Array => widened.take(length);
  /** The input, normalised and scaled where that is asked for. */
  const prepare = (
    input: Float32Array,
    norm: RmsNorm | undefined,
    scale: number,
    rows: number,
    width: number,
  ): Float32Array => {
    if (!norm && scale === 1) return input;
    const out = normed.take(rows * width);
    if (norm) rmsNorm(input, floats(norm.weight), out, rows, width, norm.epsilon);
    const from = norm ? out : input;
    if (scale !== 1) for (let i = 0; i < rows * width; i += 1) out[i] = from[i]! * scale;
    return out;
  };

  return {
    embed(a) {
      checkEmbed(a);
      const { columns } = matrixShape(a.table);
      const [table, rowTable, output] = [weightRows(a.table), integers(a.rowTable), floats(a.output)];
      return new CpuOperation('embed', () => embed(table, rowTable, output, a.rows.value, columns));
    },
    linear(a) {
      const { inputs, outputs, stride } = checkLinear(a);
      const [input, weight, output] = [floats(a.input), weightRows(a.weight), floats(a.output)];
      const bias = a.bias && floats(a.bias);
      const { accumulate = false, scale = 1, outputColumn = 0 } = a;
      return new CpuOperation('linear', () => {
        const rows = a.rows.value;
        const x = prepare(input, a.norm, scale, rows, inputs);
        const shape = { rows, inputs, outputs, stride, outputColumn };
        linearProduct({ input: x, weight, bias, output, accumulate, ...shape }, scratch);
      });
    },
    gatedLinear(a) {
      const { inputs, outputs } = checkGatedLinear(a);
      const [input, weight, output] = [floats(a.input), weightRows(a.weight), floats(a.output)];
      const width = 2 * outputs;
      return new CpuOperation('gatedLinear', () => {
        const rows = a.rows.value;
        const x = prepare(input, a.norm, 1, rows, inputs);
        const product = both.take(rows * width);
        const shape = { rows, inputs, outputs: width, stride: width, outputColumn: 0 };
        linearProduct(
          { input: x, weight, bias: undefined, output: product, accumulate: false, ...shape },
          scratch,
        );
        swiGlu(product, output, rows, outputs);
      });
    },
    gate(a) {
      const { outputs } = checkGate(a);
      const [input, output] = [floats(a.input), floats(a.output)];
      return new CpuOperation('gate', () => swiGlu(input, output, a.rows.value, outputs));
    },
    headNorm(a) {
      checkHeadNorm(a);
      const projections = floats(a.projections);
      const [queryWeight, keyWeight] = [
        a.queryWeight && floats(a.queryWeight),
        a.keyWeight && floats(a.keyWeight),
      ];
      return new CpuOperation('headNorm', () =>
        headNorm(projections, a.heads, queryWeight, keyWeight, a.rows.value, a.epsilon),
      );
    },
    rotateAndCache(a) {
      checkRotate(a);
      const [projections, angles, rowTable] = [floats(a.projections), floats(a.angles), integers(a.rowTable)];
      const cache = cacheArrays(a.cache);
      return new CpuOperation('rotateAndCache', () =>
        rotateAndCache(projections, angles, rowTable, cache, a.heads, a.rows.value),
      );
    },
    attention(a) {
      checkAttention(a);
      const [projections, rowTable, output] = [floats(a.projections), integers(a.rowTable), floats(a.output)];
      const cache = cacheArrays(a.cache);
      const attention = new Attention(a.heads, a.cache.capacity);
      return new CpuOperation('attention', () =>
        attention.run(projections, rowTable, cache, output, a.rows.value),
      );
    },
    copyCache(a) {
      const { width } = checkCopyCache(a);
      const [cache, copyTable] = [cacheArrays(a.cache), integers(a.copyTable)];
      return new CpuOperation('copyCache', () => copyCache(cache, copyTable, a.rows.value, width));
    },
    selectRows(a) {
      checkSelectRows(a);
      const { columns } = matrixShape(a.input);
      const [input, indices, output] = [floats(a.input), integers(a.indices), floats(a.output)];
      return new CpuOperation('selectRows', () => selectRows(input, indices, output, a.rows.value, columns));
    },
    sample(a) {
      const { vocabulary } = checkSample(a);
      const arrays = {
        ...{ logits: floats(a.logits), selected: integers(a.selected), output: floats(a.output) },
        ...{ settings: integers(a.settings), rowTable: integers(a.rowTable), seen: integers(a.seen) },
      };
      return new CpuOperation('sample', () => sampleRows(arrays, a.rows.value, vocabulary));
    },
    rowStatistics(a) {
      checkRowStatistics(a);
      const { columns } = matrixShape(a.input);
      const [input, targets, output] = [floats(a.input), integers(a.targets), floats(a.output)];
      return new CpuOperation('rowStatistics', () =>
        rowStatistics(input, targets, output, a.rows.value, columns, a.temperature),
      );
    },
  };
}
