/** The values of GGUF's blocks, as `ggml-quants.c` lays them out. Pure. */
import { GROUP, GROUP_BYTES, type Blocks, type BlockType } from '../../gpu/blocks';
import { halfValues } from '../../gpu/half';
import { READABLE } from './gguf-types';

/** Q8_0 and Q4_0 hold what our blocks hold, with each scale before its values: the parts are moved, no value changes. */
export function splitBlocks(type: BlockType, bytes: Uint8Array): Blocks {
  const size = GROUP_BYTES[type];
  const groups = bytes.length / (size + 2);
  const values = new Uint8Array(groups * size);
  const scales = new Uint16Array(groups);
  for (let group = 0; group < groups; group += 1) {
    const at = group * (size + 2);
    scales[group] = bytes[at]! | (bytes[at + 1]! << 8);
    values.set(bytes.subarray(at + 2, at + 2 + size), group * size);
  }
  return { values, scales };
}

/**
 * Q4_K: 256 values in 8 groups of 32; each has a 6-bit scale and a 6-bit minimum, on an f16 scale and an f16 minimum of the block.
 * value = d·scale·q − dmin·minimum.
 */
export function dequantiseQ4K(bytes: Uint8Array): Float32Array {
  const { values: perBlock, bytes: blockBytes } = READABLE.Q4_K;
  const halves = halfValues();
  const out = new Float32Array((bytes.length / blockBytes) * perBlock);
  for (let block = 0, to = 0; block < bytes.length; block += blockBytes) {
    const d = halves[bytes[block]! | (bytes[block + 1]! << 8)]!;
    const dMin = halves[bytes[block + 2]! | (bytes[block + 3]! << 8)]!;
    const packed = block + 4;
    for (let group = 0; group < 8; group += 1) {
      const { scale, minimum } = sixBits(bytes, packed, group);
      const step = Math.fround(d * scale);
      const base = Math.fround(dMin * minimum);
      // Groups 2k and 2k + 1 share 32 bytes: low halves, then high halves.
      const from = block + 16 + (group >> 1) * GROUP;
      const shift = group & 1 ? 4 : 0;
      for (let i = 0; i < GROUP; i += 1) {
        out[to] = Math.fround(step * ((bytes[from + i]! >> shift) & 15)) - base;
        to += 1;
      }
    }
  }
  return out;
}

/** Eight scales and eight minima of 6 bits in 12 bytes: the first four in the low bits of bytes 0–7, the others in parts. */
function sixBits(bytes: Uint8Array, at: number, group: number): { scale: number; minimum: number } {
  if (group < 4) return { scale: bytes[at + group]! & 63, minimum: bytes[at + group + 4]! & 63 };
  const low = bytes[at + group + 4]!;
  return {
    scale: (low & 15) | ((bytes[at + group - 4]! >> 6) << 4),
    minimum: (low >> 4) | ((bytes[at + group]! >> 6) << 4),
  };
}

/**
 * Q6_K: 256 values of 6 bits in 16 groups of 16 with an 8-bit scale each, on an f16 scale of the block. Each half block keeps the low
 * four bits of its 128 values in 64 bytes and the high two in 32. value = d·scale·(q − 32).
 */
export function dequantiseQ6K(bytes: Uint8Array): Float32Array {
  const { values: perBlock, bytes: blockBytes } = READABLE.Q6_K;
  const halves = halfValues();
  const out = new Float32Array((bytes.length / blockBytes) * perBlock);
  for (let block = 0, to = 0; block < bytes.length; block += blockBytes, to += perBlock) {
    const d = halves[bytes[block + 208]! | (bytes[block + 209]! << 8)]!;
    for (let value = 0; value < perBlock; value += 1) {
      const half = value >> 7;
      const quarter = (value >> 5) & 3;
      const column = value & 31;
      const low = bytes[block + half * 64 + (quarter & 1) * 32 + column]!;
      const high = bytes[block + 128 + half * 32 + column]!;
      const q = ((quarter < 2 ? low & 15 : low >> 4) | (((high >> (2 * quarter)) & 3) << 4)) - 32;
      const scale = (bytes[block + 192 + (value >> 4)]! << 24) >> 24;
      out[to + value] = Math.fround(d * scale) * q;
    }
  }
  return out;
}
