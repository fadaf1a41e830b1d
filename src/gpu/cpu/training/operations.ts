/** The training operations of the CPU backend: shapes checked and arrays looked up once, loops run at every step. */
import type { TrainingOperations } from '../../training';
import {
  checkAdamW,
  checkAttentionGradient,
  checkEmbedGradient,
  checkGateGradient,
  checkHeadNormGradient,
  checkInputGradient,
  checkLogitGradient,
  checkMove,
  checkNormed,
  checkRotateGradient,
  checkSquareSum,
  checkTokenLoss,
  checkWeightGradient,
  headWidth,
} from '../../training-checks';
import type { Kernels, MatrixView } from '../kernels';
import { Scratch, type Floats } from '../memory';
import { cacheViews, CpuOperation } from '../operations';
import { floats, integers, weightMatrix } from '../tensor';
import { attentionGradient } from './attention-gradient';
import { embedGradient, rotateGradient } from './elementwise';
import { squareSum } from './optimiser';
import { biasGradient, inputGradient, weightGradient } from './products';
import { logitGradient, tokenStatistics } from './token-loss';

/** A whole matrix, row by row. */
const place = (of: Floats, width: number): MatrixView => ({ of, start: 0, rowStride: width });

export function cpuTrainingOperations(kernels: Kernels): TrainingOperations {
  const scratch = (): Scratch => new Scratch(kernels.memory);
  const products = { scaled: scratch(), widened: scratch() };
  const attention = { weights: scratch(), slopes: scratch() };
  return {
    rmsNorm(a) {
      const width = checkNormed('rmsNorm', a, a.output);
      const [input, weight, output] = [floats(a.input), floats(a.norm.weight), floats(a.output)];
      return new CpuOperation('rmsNorm', () =>
        kernels.rmsNorm({
          ...{ input: place(input, width), weight, output: place(output, width) },
          ...{ rows: a.rows.value, width, epsilon: a.norm.epsilon },
        }),
      );
    },

    rmsNormGradient(a) {
      const width = checkNormed('rmsNormGradient', a, a.outputGradient, a.inputGradient);
      const views = {
        ...{ input: place(floats(a.input), width), weight: floats(a.norm.weight), width },
        outputGradient: place(floats(a.outputGradient), width),
        inputGradient: place(floats(a.inputGradient), width),
        weightGradient: a.weightGradient && floats(a.weightGradient),
        ...{ epsilon: a.norm.epsilon, accumulate: a.accumulate ?? false },
      };
      return new CpuOperation('rmsNormGradient', () =>
        kernels.normGradient({ ...views, rows: a.rows.value }),
      );
    },

    headNormGradient(a) {
      checkHeadNormGradient(a);
      const { queryHeads, keyValueHeads, headSize: width } = a.heads;
      const [input, gradient] = [floats(a.projections), floats(a.gradient)];
      const maybe = (tensor: typeof a.queryWeight): Floats | undefined => tensor && floats(tensor);
      const [queryWeight, keyWeight] = [maybe(a.queryWeight), maybe(a.keyWeight)];
      const [queryGradient, keyGradient] = [maybe(a.queryWeightGradient), maybe(a.keyWeightGradient)];
      const rowStride = headWidth(a.heads);
      return new CpuOperation('headNormGradient', () => {
        for (let head = 0; head < queryHeads + keyValueHeads; head += 1) {
          const isQuery = head < queryHeads;
          const weight = isQuery ? queryWeight : keyWeight;
          if (!weight) continue;
          const slopes = { of: gradient, start: head * width, rowStride };
          kernels.normGradient({
            ...{ input: { of: input, start: head * width, rowStride }, weight },
            ...{ outputGradient: slopes, inputGradient: slopes, accumulate: false },
            weightGradient: isQuery ? queryGradient : keyGradient,
            ...{ rows: a.rows.value, width, epsilon: a.epsilon },
          });
        }
      });
    },

    rotateGradient(a) {
      checkRotateGradient(a);
      const [gradient, angles, rowTable] = [floats(a.gradient), floats(a.angles), integers(a.rowTable)];
      return new CpuOperation('rotateGradient', () =>
        rotateGradient(gradient.array, angles.array, rowTable.array, a.heads, a.rows.value),
      );
    },

    attentionGradient(a) {
      checkAttentionGradient(a);
      const views = {
        ...{ projections: floats(a.projections), rowTable: integers(a.rowTable) },
        ...{ cache: cacheViews(a.cache), output: floats(a.output) },
        ...{ outputGradient: floats(a.outputGradient), statistics: floats(a.statistics) },
        gradient: floats(a.gradient),
      };
      return new CpuOperation('attentionGradient', () =>
        attentionGradient(kernels, views, a.heads, a.rows.value, attention),
      );
    },

    gateGradient(a) {
      const width = checkGateGradient(a);
      const [input, from, to] = [floats(a.input), floats(a.outputGradient), floats(a.inputGradient)];
      return new CpuOperation('gateGradient', () =>
        kernels.gateGradient(input, from, to, a.rows.value, width),
      );
    },

    linearInputGradient(a) {
      const shape = checkInputGradient(a);
      const [from, weight, to] = [floats(a.outputGradient), weightMatrix(a.weight), floats(a.inputGradient)];
      return new CpuOperation('linearInputGradient', () =>
        inputGradient(
          kernels,
          from,
          weight,
          to,
          { ...shape, rows: a.rows.value, accumulate: a.accumulate ?? false },
          products,
        ),
      );
    },

    linearWeightGradient(a) {
      const shape = checkWeightGradient(a);
      const [input, from, to] = [floats(a.input), floats(a.outputGradient), floats(a.weightGradient)];
      return new CpuOperation('linearWeightGradient', () =>
        weightGradient(kernels, input, from, to, { ...shape, rows: a.rows.value }, products),
      );
    },

    biasGradient(a) {
      const [from, to] = [floats(a.outputGradient), floats(a.biasGradient)];
      return new CpuOperation('biasGradient', () =>
        biasGradient(from.array, to.array, a.rows.value, to.array.length),
      );
    },

    embedGradient(a) {
      const width = checkEmbedGradient(a);
      const [from, rowTable, to] = [floats(a.outputGradient), integers(a.rowTable), floats(a.tableGradient)];
      return new CpuOperation('embedGradient', () =>
        embedGradient(from.array, rowTable.array, to.array, a.rows.value, width),
      );
    },

    copyRows(a) {
      const width = checkMove('copyRows', a);
      const [from, to] = [floats(a.input), floats(a.output)];
      return new CpuOperation('copyRows', () => to.array.set(from.array.subarray(0, a.rows.value * width)));
    },

    scatterRows(a) {
      const width = checkMove('scatterRows', a);
      const [from, to, indices] = [floats(a.input), floats(a.output), integers(a.indices)];
      return new CpuOperation('scatterRows', () => {
        for (let row = 0; row < a.rows.value; row += 1) {
          to.array.set(from.array.subarray(row * width, (row + 1) * width), indices.array[row]! * width);
        }
      });
    },

    tokenStatistics(a) {
      const width = checkTokenLoss(a);
      const views = {
        ...{ logits: floats(a.logits), targets: integers(a.targets) },
        ...{ selected: integers(a.selected), statistics: floats(a.statistics) },
      };
      return new CpuOperation('tokenStatistics', () =>
        tokenStatistics(kernels, views, a.rows.value, width, a.temperature),
      );
    },

    logitGradient(a) {
      const width = checkLogitGradient(a);
      const views = {
        ...{ logits: floats(a.logits), targets: integers(a.targets) },
        ...{ selected: integers(a.selected), statistics: floats(a.statistics) },
      };
      const slopes = floats(a.slopes);
      return new CpuOperation('logitGradient', () =>
        logitGradient(kernels, views, slopes.array, a.rows.value, width, a.temperature),
      );
    },

    clear(tensor) {
      const view = floats(tensor);
      return new CpuOperation('clear', () => view.array.fill(0));
    },

    squareSum(a) {
      checkSquareSum(a);
      const [input, output] = [floats(a.input), floats(a.output)];
      return new CpuOperation('squareSum', () => squareSum(input.array, output.array, a.row));
    },

    adamW(a) {
      checkAdamW(a);
      const views = {
        ...{ settings: floats(a.settings), value: floats(a.value), gradient: floats(a.gradient) },
        ...{ first: floats(a.first), second: floats(a.second) },
      };
      return new CpuOperation('adamW', () => kernels.adamW(views));
    },

    dispose() {
      for (const shared of [...Object.values(products), ...Object.values(attention)]) shared.free();
    },
  };
}
