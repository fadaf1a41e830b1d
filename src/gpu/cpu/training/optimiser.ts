import { ADAM_BETA1, ADAM_BETA2, ADAM_CORRECTION1, ADAM_CORRECTION2, ADAM_DECAY } from '../../training';
import { ADAM_EPSILON, ADAM_RATE, ADAM_SCALE, SQUARE_PARTS } from '../../training';

export interface AdamWArrays {
  settings: Float32Array;
  value: Float32Array;
  gradient: Float32Array;
  first: Float32Array;
  second: Float32Array;
}

export function adamW({ settings, value, gradient, first, second }: AdamWArrays): void {
  const [rate, beta1, beta2] = [settings[ADAM_RATE]!, settings[ADAM_BETA1]!, settings[ADAM_BETA2]!];
  const [epsilon, scale] = [settings[ADAM_EPSILON]!, settings[ADAM_SCALE]!];
  const [correction1, correction2] = [settings[ADAM_CORRECTION1]!, settings[ADAM_CORRECTION2]!];
  const keep = 1 - rate * settings[ADAM_DECAY]!;
  for (let i = 0; i < value.length; i += 1) {
    const g = gradient[i]! * scale;
    const m = beta1 * first[i]! + (1 - beta1) * g;
    const s = beta2 * second[i]! + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = s;
    value[i] = value[i]! * keep - (rate * (m / correction1)) / (Math.sqrt(s / correction2) + epsilon);
  }
}

/** Part j of the sum takes the elements j, j + SQUARE_PARTS, … */
export function squareSum(input: Float32Array, output: Float32Array, row: number): void {
  const parts = new Float64Array(SQUARE_PARTS);
  for (let i = 0; i < input.length; i += 1) parts[i % SQUARE_PARTS]! += input[i]! ** 2;
  output.set(parts, row * SQUARE_PARTS);
}
