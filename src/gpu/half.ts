/** IEEE 754 binary16, which JavaScript has no numbers for: 16 bits in a `Uint16Array`. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of the nearest half; ties go to the even one, 65520 and above to infinity. */
export function toHalf(value: number): number {
  float[0] = value;
  const whole = bits[0]!;
  const sign = (whole >>> 16) & 0x8000;
  const magnitude = whole & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x38800000) {
    // Subnormal halves are multiples of 2⁻²⁴, which is what an f32 between ½ and 1 is rounded to.
    float[0] = Math.abs(float[0]) + 0.5;
    return sign | (bits[0]! - 0x3f000000);
  }
  const half = (magnitude - 0x38000000) >>> 13;
  const rest = magnitude & 0x1fff;
  return sign | (half + (rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1) ? 1 : 0));
}

export function toHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i += 1) halves[i] = toHalf(values[i]!);
  return halves;
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

let table: Float32Array | undefined;

/** The value of every half, by its bits: 256 KiB, made when first asked for. */
export function halfValues(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half));
  return table;
}
