import { ADAM_BETA1, ADAM_BETA2, ADAM_CORRECTION1, ADAM_CORRECTION2, ADAM_DECAY } from '../../training';
import { ADAM_EPSILON, ADAM_RATE, ADAM_SCALE } from '../../training';
import type { Kernels } from '../kernels';
import { addressOf, F32, type Exports } from './exports';

/** Elements whose exponentials are summed in f32; longer sums are put together in f64. */
const CHUNK = 4096;

export function rowKernels(run: Exports): Omit<Kernels, 'name' | 'memory' | 'addProduct' | 'widen'> {
  return {
    rmsNorm({ input, weight, output, rows, width, epsilon }) {
      const from = addressOf(input.of, input.start);
      const to = addressOf(output.of, output.start);
      const [inStride, outStride] = [F32 * input.rowStride, F32 * output.rowStride];
      run.rmsNorm(from, inStride, weight.address, to, outStride, rows, width, epsilon);
    },

    normGradient(a) {
      const [x, dy, dx] = [a.input, a.outputGradient, a.inputGradient].flatMap(({ of, start, rowStride }) => [
        [addressOf(of, start), F32 * rowStride],
      ]);
      const dw = a.weightGradient?.address ?? 0;
      const others = [dw, a.rows, a.width, a.accumulate ? 1 : 0, a.epsilon];
      run.normGradient(...x!, a.weight.address, ...dy!, ...dx!, ...others);
    },

    gate(both, output, rows, width) {
      for (let row = 0; row < rows; row += 1) {
        const gate = addressOf(both, row * 2 * width);
        run.gateRow(gate, gate + F32 * width, addressOf(output, row * width), width);
      }
    },

    gateGradient(both, outputGradient, inputGradient, rows, width) {
      for (let row = 0; row < rows; row += 1) {
        const gate = addressOf(both, row * 2 * width);
        const slope = addressOf(inputGradient, row * 2 * width);
        const from = addressOf(outputGradient, row * width);
        run.gateGradientRow(gate, gate + F32 * width, from, slope, slope + F32 * width, width);
      }
    },

    softmax(scores, start, count, width, scale) {
      const at = addressOf(scores, start);
      const maximum = run.maximum(at, count);
      const total = run.exponentiate(at, count, maximum, scale);
      run.scaleRow(at, count, width, 1 / total);
      return maximum * scale + Math.log(total);
    },

    scoreGradient(weights, slopes, start, count, delta, scale) {
      run.scoreGradient(addressOf(weights, start), addressOf(slopes, start), count, delta, scale);
    },

    exponentialSums(logits, start, count, scale) {
      const maximum = run.maximum(addressOf(logits, start), count);
      let sum = 0;
      let mixed = 0;
      for (let done = 0; done < count; done += CHUNK) {
        const length = Math.min(CHUNK, count - done);
        const [plain, weighted] = run.exponentialSums(
          addressOf(logits, start + done),
          length,
          maximum,
          scale,
        );
        sum += plain;
        mixed += weighted;
      }
      return { maximum, sum, mixed };
    },

    logitGradient(logits, start, count, { scale, logSumExp, byLogProb, byEntropy, entropy }) {
      run.logitGradientRow(addressOf(logits, start), count, scale, logSumExp, byLogProb, byEntropy, entropy);
    },

    adamW({ settings: { array: settings }, value, gradient, first, second }) {
      const setting = (field: number): number => settings[field]!;
      const keep = 1 - setting(ADAM_RATE) * setting(ADAM_DECAY);
      run.adamW(
        ...[value, gradient, first, second].map(({ address }) => address),
        value.array.length,
        ...[ADAM_RATE, ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON].map(setting),
        keep,
        ...[ADAM_CORRECTION1, ADAM_CORRECTION2, ADAM_SCALE].map(setting),
      );
    },
  };
}
