/** The operations of a layer that are not matrix products or attention. */
import { ROW_FIELDS, ROW_TOKEN, STAT_ARGMAX, STAT_FIELDS, type HeadShape } from '../backend';
import { STAT_LOG_SUM_EXP, STAT_MAXIMUM, STAT_TARGET } from '../backend';
import type { Kernels, WeightMatrix } from './kernels';
import type { Floats } from './memory';

/** See `HeadNormArguments`. */
export function headNorm(
  kernels: Kernels,
  projections: Floats,
  { queryHeads, keyValueHeads, headSize: width }: HeadShape,
  queryWeight: Floats | undefined,
  keyWeight: Floats | undefined,
  rows: number,
  epsilon: number,
): void {
  const rowStride = (queryHeads + 2 * keyValueHeads) * width;
  for (let head = 0; head < queryHeads + keyValueHeads; head += 1) {
    const weight = head < queryHeads ? queryWeight : keyWeight;
    if (!weight) continue;
    const place = { of: projections, start: head * width, rowStride };
    kernels.rmsNorm({ input: place, weight, output: place, rows, width, epsilon });
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

/** See `RowStatisticsArguments`. */
export function rowStatistics(
  kernels: Kernels,
  input: Floats,
  targets: Uint32Array,
  output: Float32Array,
  rows: number,
  width: number,
  temperature = 1,
): void {
  for (let row = 0; row < rows; row += 1) {
    const start = row * width;
    const { maximum, sum } = kernels.exponentialSums(input, start, width, 1 / temperature);
    const out = row * STAT_FIELDS;
    output[out + STAT_ARGMAX] = Math.max(0, input.array.indexOf(maximum, start) - start);
    output[out + STAT_MAXIMUM] = maximum;
    output[out + STAT_LOG_SUM_EXP] = maximum / temperature + Math.log(sum);
    output[out + STAT_TARGET] = input.array[start + targets[row]!]!;
  }
}
