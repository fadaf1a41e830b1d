import { describe, expect, it } from 'vitest';
import { Random } from '../../../lm/random';
import type { Tensor } from '../../backend';
import { dequantise, quantise } from '../../blocks';
import { toHalves } from '../../half';
import { CpuBackend } from '../backend';
import { cpuTrainingOperations } from './operations';

// More than one block of weight rows is widened at a time.
const [rows, inputs, outputs, column, scale] = [5, 320, 150, 3, -0.7];
const stride = outputs + column + 1;
const backend = new CpuBackend();
const train = cpuTrainingOperations(backend.kernels);
const extent = backend.extent(rows);
extent.value = rows;
const random = new Random(9);
const values = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.uniform() - 0.5);
const tensor = (label: string, shape: number[], data: Float32Array): Tensor => {
  const made = backend.tensor(label, shape);
  backend.write(made, data);
  return made;
};
const slopes = values(rows * stride);
const outputGradient = tensor('output gradient', [rows, stride], slopes);
const floats = values(outputs * inputs);

function weightOf(type: 'f32' | 'f16' | 'q8' | 'q4'): { weight: Tensor; exact: Float32Array } {
  const weight = backend.tensor('weight', [outputs, inputs], type);
  if (type === 'f32') {
    backend.write(weight, floats);
    return { weight, exact: floats };
  }
  if (type === 'f16') {
    // Multiples of 2⁻⁷ are exact in f16.
    const exact = floats.map((value) => Math.round(value * 128) / 128);
    backend.write(weight, toHalves(exact));
    return { weight, exact };
  }
  const blocks = quantise(type, floats);
  backend.writeBlocks(weight, blocks);
  return { weight, exact: dequantise(type, blocks) };
}

describe.each(['f32', 'f16', 'q8', 'q4'] as const)('through a weight in %s', (type) => {
  it.each([false, true])('the input’s gradient is the sum, accumulated: %s', async (accumulate) => {
    const { weight, exact } = weightOf(type);
    const before = values(rows * inputs);
    const inputGradient = tensor('input gradient', [rows, inputs], before);
    const operation = train.linearInputGradient({
      ...{ rows: extent, outputGradient, outputColumn: column, weight, inputGradient, scale, accumulate },
    });
    const [got = []] = await backend.run([operation], [{ tensor: inputGradient, count: rows * inputs }]);
    for (const [row, i] of [
      [0, 0],
      [2, 17],
      [4, inputs - 1],
    ] as const) {
      let want = accumulate ? before[row * inputs + i]! : 0;
      for (let n = 0; n < outputs; n += 1) {
        want += scale * slopes[row * stride + column + n]! * exact[n * inputs + i]!;
      }
      expect(got[row * inputs + i]).toBeCloseTo(want, 5);
    }
  });
});

it('the weight’s gradient is added to what is there', async () => {
  const x = values(rows * inputs);
  const before = values(outputs * inputs);
  const weightGradient = tensor('weight gradient', [outputs, inputs], before);
  const input = tensor('input', [rows, inputs], x);
  const operation = train.linearWeightGradient({
    ...{ rows: extent, input, outputGradient, outputColumn: column, scale, weightGradient },
  });
  const [got = []] = await backend.run([operation], [{ tensor: weightGradient, count: outputs * inputs }]);
  for (const [n, i] of [
    [0, 0],
    [77, 100],
    [outputs - 1, inputs - 1],
  ] as const) {
    let want = before[n * inputs + i]!;
    for (let row = 0; row < rows; row += 1) {
      want += scale * slopes[row * stride + column + n]! * x[row * inputs + i]!;
    }
    expect(got[n * inputs + i]).toBeCloseTo(want, 5);
  }
});
