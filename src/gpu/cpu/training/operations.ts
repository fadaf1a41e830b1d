/** The training operations of the CPU backend: shapes checked and arrays looked up once, loops run at every step. */
import type { KeyValueTensors } from '../../backend';
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
import type { CacheArrays } from '../attention';
import { rmsNorm } from '../elementwise';
import { CpuOperation } from '../operations';
import { floats, integers, weightRows } from '../tensor';
import { attentionGradient } from './attention-gradient';
import { embedGradient, gateGradient, normGradient, rotateGradient } from './elementwise';
import { adamW, squareSum } from './optimiser';
import { biasGradient, inputGradient, weightGradient } from './products';
import { logitGradient, tokenStatistics } from './token-loss';

const cacheArrays = ({ keys, values, capacity }: KeyValueTensors): CacheArrays => ({
  ...{ keys: floats(keys), values: floats(values), capacity },
});

export function cpuTrainingOperations(): TrainingOperations {
  return {
    rmsNorm(a) {
      const width = checkNormed('rmsNorm', a, a.output);
      const [input, weight, output] = [floats(a.input), floats(a.norm.weight), floats(a.output)];
      return new CpuOperation('rmsNorm', () =>
        rmsNorm(input, weight, output, a.rows.value, width, a.norm.epsilon),
      );
    },

    rmsNormGradient(a) {
      const width = checkNormed('rmsNormGradient', a, a.outputGradient, a.inputGradient);
      const arrays = {
        ...{ input: floats(a.input), weight: floats(a.norm.weight), epsilon: a.norm.epsilon, width },
        ...{ outputGradient: floats(a.outputGradient), inputGradient: floats(a.inputGradient) },
        weightGradient: a.weightGradient && floats(a.weightGradient),
        accumulate: a.accumulate ?? false,
      };
      return new CpuOperation('rmsNormGradient', () => {
        for (let row = 0; row < a.rows.value; row += 1) {
          const start = row * width;
          normGradient({ ...arrays, start, outputStart: start, inputStart: start });
        }
      });
    },

    headNormGradient(a) {
      checkHeadNormGradient(a);
      const { queryHeads, keyValueHeads, headSize: width } = a.heads;
      const [input, gradient] = [floats(a.projections), floats(a.gradient)];
      const maybe = (tensor: typeof a.queryWeight): Float32Array | undefined => tensor && floats(tensor);
      const [queryWeight, keyWeight] = [maybe(a.queryWeight), maybe(a.keyWeight)];
      const [queryGradient, keyGradient] = [maybe(a.queryWeightGradient), maybe(a.keyWeightGradient)];
      const stride = headWidth(a.heads);
      return new CpuOperation('headNormGradient', () => {
        for (let row = 0; row < a.rows.value; row += 1) {
          for (let head = 0; head < queryHeads + keyValueHeads; head += 1) {
            const isQuery = head < queryHeads;
            const weight = isQuery ? queryWeight : keyWeight;
            if (!weight) continue;
            const start = row * stride + head * width;
            normGradient({
              ...{ input, start, width, weight, epsilon: a.epsilon, accumulate: false },
              ...{ outputGradient: gradient, outputStart: start, inputGradient: gradient, inputStart: start },
              weightGradient: isQuery ? queryGradient : keyGradient,
            });
          }
        }
      });
    },

    rotateGradient(a) {
      checkRotateGradient(a);
      const [gradient, angles, rowTable] = [floats(a.gradient), floats(a.angles), integers(a.rowTable)];
      return new CpuOperation('rotateGradient', () =>
        rotateGradient(gradient, angles, rowTable, a.heads, a.rows.value),
      );
    },

    attentionGradient(a) {
      checkAttentionGradient(a);
      const arrays = {
        ...{
          projections: floats(a.projections),
          rowTable: integers(a.rowTable),
          cache: cacheArrays(a.cache),
        },
        ...{ output: floats(a.output), outputGradient: floats(a.outputGradient) },
        ...{ statistics: floats(a.statistics), gradient: floats(a.gradient) },
      };
      return new CpuOperation('attentionGradient', () => attentionGradient(arrays, a.heads, a.rows.value));
    },

    gateGradient(a) {
      const width = checkGateGradient(a);
      const [input, from, to] = [floats(a.input), floats(a.outputGradient), floats(a.inputGradient)];
      return new CpuOperation('gateGradient', () => gateGradient(input, from, to, a.rows.value, width));
    },

    linearInputGradient(a) {
      const shape = checkInputGradient(a);
      const [from, weight, to] = [floats(a.outputGradient), weightRows(a.weight), floats(a.inputGradient)];
      return new CpuOperation('linearInputGradient', () =>
        inputGradient(from, weight, to, shape, a.rows.value, a.accumulate ?? false),
      );
    },

    linearWeightGradient(a) {
      const shape = checkWeightGradient(a);
      const [input, from, to] = [floats(a.input), floats(a.outputGradient), floats(a.weightGradient)];
      return new CpuOperation('linearWeightGradient', () =>
        weightGradient(input, from, to, shape, a.rows.value),
      );
    },

    biasGradient(a) {
      const [from, to] = [floats(a.outputGradient), floats(a.biasGradient)];
      return new CpuOperation('biasGradient', () => biasGradient(from, to, a.rows.value, to.length));
    },

    embedGradient(a) {
      const width = checkEmbedGradient(a);
      const [from, rowTable, to] = [floats(a.outputGradient), integers(a.rowTable), floats(a.tableGradient)];
      return new CpuOperation('embedGradient', () => embedGradient(from, rowTable, to, a.rows.value, width));
    },

    copyRows(a) {
      const width = checkMove('copyRows', a);
      const [from, to] = [floats(a.input), floats(a.output)];
      return new CpuOperation('copyRows', () => to.set(from.subarray(0, a.rows.value * width)));
    },

    scatterRows(a) {
      const width = checkMove('scatterRows', a);
      const [from, to, indices] = [floats(a.input), floats(a.output), integers(a.indices)];
      return new CpuOperation('scatterRows', () => {
        for (let row = 0; row < a.rows.value; row += 1) {
          to.set(from.subarray(row * width, (row + 1) * width), indices[row]! * width);
        }
      });
    },

    tokenStatistics(a) {
      const width = checkTokenLoss(a);
      const arrays = {
        ...{ logits: floats(a.logits), targets: integers(a.targets) },
        ...{ selected: integers(a.selected), statistics: floats(a.statistics) },
      };
      return new CpuOperation('tokenStatistics', () =>
        tokenStatistics(arrays, a.rows.value, width, a.temperature),
      );
    },

    logitGradient(a) {
      const width = checkLogitGradient(a);
      const arrays = {
        ...{ logits: floats(a.logits), targets: integers(a.targets) },
        ...{ selected: integers(a.selected), statistics: floats(a.statistics) },
      };
      const slopes = floats(a.slopes);
      return new CpuOperation('logitGradient', () =>
        logitGradient(arrays, slopes, a.rows.value, width, a.temperature),
      );
    },

    clear(tensor) {
      const array = floats(tensor);
      return new CpuOperation('clear', () => array.fill(0));
    },

    squareSum(a) {
      checkSquareSum(a);
      const [input, output] = [floats(a.input), floats(a.output)];
      return new CpuOperation('squareSum', () => squareSum(input, output, a.row));
    },

    adamW(a) {
      checkAdamW(a);
      const arrays = {
        ...{ settings: floats(a.settings), value: floats(a.value), gradient: floats(a.gradient) },
        ...{ first: floats(a.first), second: floats(a.second) },
      };
      return new CpuOperation('adamW', () => adamW(arrays));
    },

    /** Nothing is shared. */
    dispose() {},
  };
}
