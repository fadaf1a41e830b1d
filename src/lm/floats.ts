/** Widening of the float formats of checkpoints to f32; every finite value is exact. */

export type FloatFormat = 'F32' | 'F16' | 'BF16';

export const FLOAT_BYTES: Record<FloatFormat, number> = { F32: 4, F16: 2, BF16: 2 };

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** IEEE 754 binary16 → number. */
export function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  bits[0] = ((half & 0x8000) << 16) | ((exponent + 112) << 23) | (fraction << 13);
  return value[0]!;
}

/** Little-endian bytes → f32. The length must be a whole number of elements. */
export function widen(bytes: Uint8Array, format: FloatFormat): Float32Array {
  const count = bytes.byteLength / FLOAT_BYTES[format];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(count);
  switch (format) {
    case 'F32': {
      for (let i = 0; i < count; i += 1) out[i] = view.getFloat32(i * 4, true);
      return out;
    }
    case 'BF16': {
      const words = new Uint32Array(out.buffer);
      for (let i = 0; i < count; i += 1) words[i] = view.getUint16(i * 2, true) << 16;
      return out;
    }
    case 'F16': {
      for (let i = 0; i < count; i += 1) out[i] = halfToFloat(view.getUint16(i * 2, true));
      return out;
    }
    default:
      return format satisfies never;
  }
}
