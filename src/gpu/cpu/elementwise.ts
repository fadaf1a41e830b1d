/** The operations of a layer that are not matrix products or attention. */
import { ROW_FIELDS, ROW_TOKEN, STAT_ARGMAX, STAT_FIELDS, type HeadShape } from '../backend';
import { STAT_LOG_SUM_EXP, STAT_MAXIMUM, STAT_TARGET } from '../backend';
import type { Kernels, WeightMatrix } from './kernels';
import type { Floats } from './memory';

/** `output[r] = weight · input[r] / sqrt(mean(input[r]²) + epsilon)` */
export function rmsNorm(
  input: Float32Array,
  weight: Float32Array,
  output: Float32Array,
  rows: number,
  width: number,
  epsilon: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const start = row * width;
    let squares = 0;
    for (let i = 0; i < width; i += 1) {
      const value = input[start + i]!;
      squares += value * value;
    }
    const scale = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i += 1) output[start + i] = input[start + i]! * scale * weight[i]!;
  }
}

/** `output[r, i] = silu(both[r, i]) · both[r, width + i]` */
export function swiGlu(both: Float32Array, output: Float32Array, rows: number, width: number): void {
  for (let row = 0; row < rows; row += 1) {
    const gate = row * 2 * width;
    const start = row * width;
    for (let i = 0; i < width; i += 1) {
      const value = both[gate + i]!;
      output[start + i] = (value / (1 + Math.exp(-value))) * both[gate + width + i]!;
    }
  }
}

/** See `HeadNormArguments`. */
export function headNorm(
  projections: Float32Array,
  { queryHeads, keyValueHeads, headSize }: HeadShape,
  queryWeight: Float32Array | undefined,
  keyWeight: Float32Array | undefined,
  rows: number,
  epsilon: number,
): void {
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  for (let row = 0; row < rows; row += 1) {
    for (let head = 0; head < queryHeads + keyValueHeads; head += 1) {
      const weight = head < queryHeads ? queryWeight : keyWeight;
      if (!weight) continue;
      const start = row * stride + head * headSize;
      const part = projections.subarray(start, start + headSize);
      rmsNorm(part, weight, part, 1, headSize, epsilon);
    }
  }
}

export function embed(
  kernels: Kernels,
  table: WeightMatrix,
  rowTable: Uint32Array,
  output: Floats,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    kernels.widen(table, rowTable[row * ROW_FIELDS + ROW_TOKEN]!, 1, output, row * width);
  }
}

export function selectRows(
  input: Float32Array,
  indices: Uint32Array,
  output: Float32Array,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const start = indices[row]! * width;
    output.set(input.subarray(start, start + width), row * width);
  }
}

export function rowStatistics(
  input: Float32Array,
  targets: Uint32Array,
  output: Float32Array,
  rows: number,
  width: number,
  temperature = 1,
): void {
  for (let row = 0; row < rows; row += 1) {
    const start = row * width;
    let best = 0;
    let maximum = input[start]!;
    for (let i = 1; i < width; i += 1) {
      const value = input[start + i]!;
      if (value > maximum) {
        maximum = value;
        best = i;
      }
    }
    let sum = 0;
    for (let i = 0; i < width; i += 1) sum += Math.exp((input[start + i]! - maximum) / temperature);
    const out = row * STAT_FIELDS;
    output[out + STAT_ARGMAX] = best;
    output[out + STAT_MAXIMUM] = maximum;
    output[out + STAT_LOG_SUM_EXP] = maximum / temperature + Math.log(sum);
    output[out + STAT_TARGET] = input[start + targets[row]!]!;
  }
}
