import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTensors } from '../../tests/goldens/read-tensors';
import { dequantise, GROUP, GROUP_BYTES, quantise, type BlockType } from './blocks';
import { halfValues, toHalf, toHalves } from './half';

const golden = await readTensors('quant', 'quant.safetensors');
const weight = Float32Array.from(golden('weight').data);

describe.each(['q8', 'q4'] as const)('%s', (type) => {
  const name = `${type}_0`;

  it('gives the blocks that GGML gives, bit for bit', () => {
    const { values, scales } = quantise(type, weight);
    const bytes = golden(`${name}.blocks`).data;
    const blockBytes = 2 + GROUP_BYTES[type];
    const made = new Uint8Array(scales.length * blockBytes);
    scales.forEach((scale, group) => {
      made.set([scale & 255, scale >> 8], group * blockBytes);
      made.set(
        values.subarray(group * GROUP_BYTES[type], (group + 1) * GROUP_BYTES[type]),
        group * blockBytes + 2,
      );
    });
    expect(Buffer.compare(made, bytes as Uint8Array)).toBe(0);
  });

  it('dequantises exactly', () => {
    const floats = dequantise(type, quantise(type, weight));
    const wanted = golden(`${name}.dequant`).data;
    // A zero may have either sign.
    expect(floats.length).toBe(wanted.length);
    expect(floats.findIndex((value, i) => value !== wanted[i])).toBe(-1);
  });

  it('stays within half a step of every value, and keeps what it has made', () => {
    const finite = fc.float({ noNaN: true, min: -1000, max: 1000 });
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: GROUP, maxLength: GROUP, noNaN: true, min: -1000, max: 1000 }),
        finite,
        (group, factor) => {
          const floats = group.map((value) => value * Math.sign(factor));
          const blocks = quantise(type, floats);
          const back = dequantise(type, blocks);
          const scale = Math.abs(halfValues()[blocks.scales[0] ?? 0] ?? 0);
          // Half a step, the rounding of the scale times 8 or 127 steps, and for q4 the missing +8 (a whole step).
          const reach = scale * (type === 'q8' ? 0.5 + 0.1 : 1.01) + 2 ** -17;
          floats.forEach((value, i) => expect(Math.abs((back[i] ?? NaN) - value)).toBeLessThanOrEqual(reach));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([NaN, Infinity, -Infinity, 1e8])('refuses %s', (value) => {
    const floats = new Float32Array(2 * GROUP).fill(1);
    floats[40] = value;
    expect(() => quantise(type, floats)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  it('makes zeros of groups too small for an f16 scale', () => {
    const floats = new Float32Array(GROUP).fill(1e-42);
    expect(dequantise(type, quantise(type, floats)).every((value) => value === 0)).toBe(true);
  });

  it('keeps up with a download', () => {
    const floats = Float32Array.from({ length: 1 << 20 }, (_, i) => Math.sin(i));
    const speed = (): number => {
      const started = performance.now();
      quantise(type, floats);
      return (floats.byteLength / 1e6 / (performance.now() - started)) * 1000;
    };
    // 150 MB/s is the aim; a busy machine gets three tries, and half.
    const best = Math.max(speed(), speed(), speed());
    expect(best).toBeGreaterThan(75);
  });
});

describe('halves', () => {
  it('come back from every value that they have', () => {
    const values = halfValues();
    for (let bits = 0; bits < 65536; bits += 1) {
      const value = values[bits] ?? NaN;
      const back = toHalf(value);
      if (Number.isNaN(value) ? !Number.isNaN(values[back]) : back !== bits) expect(back).toBe(bits);
    }
    expect(values[0x3555]).toBeCloseTo(1 / 3, 3);
  });

  it('are the nearest of all, the even one of two', () => {
    const values = halfValues();
    for (let bits = 0; bits < 0x7bff; bits += 1) {
      const [low, high] = [values[bits] ?? NaN, values[bits + 1] ?? NaN];
      const middle = (low + high) / 2;
      const even = bits + (bits & 1);
      const right =
        toHalf(middle) === even &&
        toHalf(-middle) === (0x8000 | even) &&
        toHalf(Math.fround(middle * (1 - 2 ** -22))) === bits &&
        toHalf(Math.fround(middle * (1 + 2 ** -22))) === bits + 1;
      if (!right) expect.fail(`beside ${low}`);
    }
  });

  it('hold f16 tensors', () => {
    expect([...toHalves(Float32Array.of(1, -2, 65519, 65520, 2 ** -25))]).toEqual([
      0x3c00, 0xc000, 0x7bff, 0x7c00, 0,
    ]);
  });
});

const types: BlockType[] = ['q8', 'q4'];
it('refuses parts of groups', () => {
  for (const type of types)
    expect(() => quantise(type, new Float32Array(33))).toThrow(/whole number of groups/);
});
