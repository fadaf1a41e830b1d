import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTensors } from '../../../tests/goldens/read-tensors';
import { dequantise } from '../../gpu/blocks';
import { halfValues, toHalf } from '../../gpu/half';
import { dequantiseQ4K, dequantiseQ6K, splitBlocks } from './gguf-blocks';

describe('Q8_0 and Q4_0', () => {
  it.each([
    ['q8', 'q8_0'],
    ['q4', 'q4_0'],
  ] as const)('as GGML writes them have the values of our %s', async (type, name) => {
    const golden = await readTensors('quant', 'quant.safetensors');
    const blocks = golden(`${name}.blocks`).data as Uint8Array;
    expect(dequantise(type, splitBlocks(type, blocks))).toEqual(golden(`${name}.dequant`).data);
  });
});

const bits = (count: number, most: number) => fc.array(fc.nat(most), { minLength: count, maxLength: count });
const half = (value: number): number[] => [toHalf(value) & 255, toHalf(value) >> 8];
const halfOf = (value: number): number => halfValues()[toHalf(value)]!;

describe('K-quants', () => {
  // The packing written down the other way round: from quants to bytes, as `quantize_row_q4_K` does it.
  it('Q4_K gives back what was packed', () =>
    fc.assert(
      fc.property(
        bits(256, 15),
        bits(8, 63),
        bits(8, 63),
        fc.nat(500),
        fc.nat(500),
        (q, scales, minima, d, m) => {
          const packed = new Uint8Array(12);
          for (let j = 0; j < 8; j += 1) {
            if (j < 4) {
              packed[j]! |= scales[j]!;
              packed[j + 4]! |= minima[j]!;
            } else {
              packed[j + 4]! |= (scales[j]! & 15) | ((minima[j]! & 15) << 4);
              packed[j - 4]! |= (scales[j]! >> 4) << 6;
              packed[j]! |= (minima[j]! >> 4) << 6;
            }
          }
          const quants = new Uint8Array(128);
          for (let pair = 0; pair < 4; pair += 1) {
            for (let i = 0; i < 32; i += 1)
              quants[pair * 32 + i] = q[pair * 64 + i]! | (q[pair * 64 + 32 + i]! << 4);
          }
          const bytes = Uint8Array.from([...half(d / 4096), ...half(m / 4096), ...packed, ...quants]);
          const values = dequantiseQ4K(bytes);
          q.forEach((value, i) => {
            const group = i >> 5;
            const want = halfOf(d / 4096) * scales[group]! * value - halfOf(m / 4096) * minima[group]!;
            expect(values[i]).toBeCloseTo(want, 5);
          });
        },
      ),
      { numRuns: 30 },
    ));

  it('Q6_K gives back what was packed', () =>
    fc.assert(
      fc.property(
        bits(256, 63),
        fc.array(fc.integer({ min: -128, max: 127 }), { minLength: 16, maxLength: 16 }),
        fc.nat(500),
        (q, scales, d) => {
          const low = new Uint8Array(128);
          const high = new Uint8Array(64);
          for (let part = 0; part < 2; part += 1) {
            for (let i = 0; i < 32; i += 1) {
              const [a, b, c, e] = [0, 32, 64, 96].map((step) => q[part * 128 + step + i]!) as [
                number,
                number,
                number,
                number,
              ];
              low[part * 64 + i] = (a & 15) | ((c & 15) << 4);
              low[part * 64 + 32 + i] = (b & 15) | ((e & 15) << 4);
              high[part * 32 + i] = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((e >> 4) << 6);
            }
          }
          const bytes = Uint8Array.from([...low, ...high, ...Uint8Array.from(scales), ...half(d / 65536)]);
          const values = dequantiseQ6K(bytes);
          q.forEach((value, i) => {
            expect(values[i]).toBeCloseTo(halfOf(d / 65536) * scales[i >> 4]! * (value - 32), 4);
          });
        },
      ),
      { numRuns: 30 },
    ));
});
