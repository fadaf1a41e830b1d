import fc from 'fast-check';
import { expect, it } from 'vitest';
import { widen } from './floats';

it('widens every half-precision pattern to its exact value', () => {
  for (let half = 0; half < 65536; half += 1) {
    const sign = half >> 15 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const want =
      exponent === 31
        ? fraction
          ? NaN
          : sign * Infinity
        : sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
    const [found] = widen(Uint8Array.of(half & 255, half >> 8), 'F16');
    if (!Object.is(found, want)) expect([half, found]).toEqual([half, want]);
  }
});

it('reads little-endian floats from any offset', () =>
  fc.assert(
    fc.property(fc.float32Array({ maxLength: 20 }), fc.nat(3), (values, shift) => {
      const bytes = new Uint8Array(shift + values.byteLength);
      bytes.set(new Uint8Array(values.buffer), shift);
      expect(widen(bytes.subarray(shift), 'F32')).toEqual(values);
    }),
  ));

it('takes bfloat16 as the upper half of a float', () =>
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (value) => {
      const full = new Uint32Array(Float32Array.of(value).buffer)[0]!;
      const bytes = new Uint8Array(Uint16Array.of(full >>> 16).buffer);
      const want = new Float32Array(Uint32Array.of(full & 0xffff0000).buffer)[0];
      expect(widen(bytes, 'BF16')[0]).toBe(want);
    }),
  ));
