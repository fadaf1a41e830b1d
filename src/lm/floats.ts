/** Widening of the float formats of checkpoints to f32; every finite value is exact. */
import { halfValues } from '../gpu/half';

export type FloatFormat = 'F32' | 'F16' | 'BF16';

export const FLOAT_BYTES: Record<FloatFormat, number> = { F32: 4, F16: 2, BF16: 2 };

export const isFloatFormat = (name: string): name is FloatFormat => Object.hasOwn(FLOAT_BYTES, name);

/** A view, or a copy where the bytes do not lie on a boundary of `size`. Every machine with WebGPU is little-endian. */
const aligned = (bytes: Uint8Array, size: number): Uint8Array =>
  bytes.byteOffset % size === 0 ? bytes : bytes.slice();

/** 16-bit words of little-endian bytes. */
export function words16(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 2);
  return new Uint16Array(buffer, byteOffset, byteLength / 2);
}

/** Little-endian bytes → f32. The length must be a whole number of elements. */
export function widen(bytes: Uint8Array, format: FloatFormat): Float32Array {
  switch (format) {
    case 'F32': {
      const { buffer, byteOffset, byteLength } = aligned(bytes, 4);
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    }
    case 'BF16': {
      const from = words16(bytes);
      const to = new Uint32Array(from.length);
      for (let i = 0; i < from.length; i += 1) to[i] = from[i]! << 16;
      return new Float32Array(to.buffer);
    }
    case 'F16': {
      const from = words16(bytes);
      const table = halfValues();
      const to = new Float32Array(from.length);
      for (let i = 0; i < from.length; i += 1) to[i] = table[from[i]!]!;
      return to;
    }
    default:
      return format satisfies never;
  }
}
