/**
 * Quantised weights: groups of 32 values along the input dimension that share a scale, with exactly the values of GGML's
 * Q8_0 and Q4_0. Quantising rounds to nearest; all its arithmetic is f32, so that the integers are GGML's, bit for bit.
 */
import { AppError } from '../protocol/errors';
import { halfValues, toHalf } from './half';

/** Values that share a scale. */
export const GROUP = 32;

export type BlockType = 'q8' | 'q4';

/** Whole rows one after the other, without padding. */
export interface Blocks {
  /**
   * q8: 32 signed bytes a group, the value is byte · scale. q4: 16 bytes a group; byte j holds value j in its low half and
   * value j + 16 in its high half, the value is (half byte − 8) · scale.
   */
  values: Uint8Array;
  /** f16 bits, one a group. */
  scales: Uint16Array;
}

/** Bytes of a group's values, without its scale. */
export const GROUP_BYTES: Record<BlockType, number> = { q8: GROUP, q4: GROUP / 2 };

/** @throws AppError BAD_INPUT for values that are not finite or beyond what a scale can hold; the length must be whole groups. */
export function quantise(type: BlockType, floats: Float32Array): Blocks {
  const groups = floats.length / GROUP;
  if (!Number.isInteger(groups)) {
    throw new AppError('INTERNAL', `${floats.length} values are not a whole number of groups of ${GROUP}.`);
  }
  const values = new Uint8Array(groups * GROUP_BYTES[type]);
  const scales = new Uint16Array(groups);
  const quantiseGroup = type === 'q8' ? quantise8 : quantise4;
  for (let group = 0; group < groups; group += 1) {
    const scale = quantiseGroup(floats, group, values);
    // A sum that is not a number comes from values that are not finite; f16 ends at 65504.
    if (!(Math.abs(scale) < 65520)) {
      throw new AppError(
        'BAD_INPUT',
        'The weights hold values that are not numbers, or too large to quantise.',
        {
          fix: 'Check that the file is undamaged, or load the model without quantising it.',
        },
      );
    }
    scales[group] = toHalf(scale);
  }
  return { values, scales };
}

/** 1/scale in f32; 0 where the group is all zeros, or so small that the f16 scale is 0 anyway. */
function inverseOf(scale: number): number {
  const inverse = Math.fround(1 / scale);
  return Math.abs(inverse) < Infinity ? inverse : 0;
}

/** Fills one group's bytes and returns its unrounded scale, NaN if a value is not finite. */
function quantise8(floats: Float32Array, group: number, values: Uint8Array): number {
  const start = group * GROUP;
  let largest = 0;
  let taint = 0;
  for (let i = start; i < start + GROUP; i += 1) {
    const value = floats[i]!;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > largest) largest = magnitude;
    taint += value;
  }
  const scale = Math.fround(largest / 127);
  const inverse = inverseOf(scale);
  for (let i = start; i < start + GROUP; i += 1) {
    const value = Math.fround(floats[i]! * inverse);
    // Halves go away from zero.
    values[i] = value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
  }
  return taint - taint === 0 ? scale : NaN;
}

/** The value of largest magnitude becomes −8, so that its sign decides the scale's; the first of several counts. */
function quantise4(floats: Float32Array, group: number, values: Uint8Array): number {
  const start = group * GROUP;
  let largest = 0;
  let extreme = 0;
  let taint = 0;
  for (let i = start; i < start + GROUP; i += 1) {
    const value = floats[i]!;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > largest) {
      largest = magnitude;
      extreme = value;
    }
    taint += value;
  }
  const scale = Math.fround(extreme / -8);
  const inverse = inverseOf(scale);
  const half = GROUP / 2;
  const out = group * half;
  for (let i = 0; i < half; i += 1) {
    const low = Math.fround(Math.fround(floats[start + i]! * inverse) + 8.5);
    const high = Math.fround(Math.fround(floats[start + half + i]! * inverse) + 8.5);
    values[out + i] = (low < 16 ? low : 15) | ((high < 16 ? high : 15) << 4);
  }
  return taint - taint === 0 ? scale : NaN;
}

/** The values as f32; exact, since an f16 times a small integer fits. */
export function dequantise(type: BlockType, blocks: Blocks): Float32Array {
  const floats = new Float32Array(blocks.scales.length * GROUP);
  dequantiseGroups(type, blocks.values, 0, blocks.scales.length, blocks.scales, 0, floats, 0);
  return floats;
}

/** Writes the values of `count` groups from `first` on, whose scales begin at `firstScale`, to `out` from `at` on. */
export function dequantiseGroups(
  type: BlockType,
  values: Uint8Array,
  first: number,
  count: number,
  scales: Uint16Array,
  firstScale: number,
  out: Float32Array,
  at: number,
): void {
  const halves = halfValues();
  let from = first * GROUP_BYTES[type];
  let to = at;
  for (let group = 0; group < count; group += 1) {
    const scale = halves[scales[firstScale + group]!]!;
    if (type === 'q8') {
      for (let i = 0; i < GROUP; i += 1) out[to + i] = ((values[from + i]! << 24) >> 24) * scale;
    } else {
      for (let i = 0; i < GROUP / 2; i += 1) {
        const byte = values[from + i]!;
        out[to + i] = ((byte & 15) - 8) * scale;
        out[to + i + GROUP / 2] = ((byte >> 4) - 8) * scale;
      }
    }
    from += GROUP_BYTES[type];
    to += GROUP;
  }
}
