import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfValues } from '../gpu/half';
import { bytesSource } from './byte-source';
import { widen } from './floats';
import { openSafetensors } from './safetensors';
import { floatBytes, safetensorsHeader, writeSafetensors } from './safetensors-writer';

const open = (bytes: Uint8Array): ReturnType<typeof openSafetensors> =>
  openSafetensors(bytesSource('written', bytes));

describe('the safetensors writer', () => {
  it('writes files that the reader reads back, whatever the names, shapes and values', async () => {
    const tensor = fc
      .record({ name: fc.string({ unit: 'grapheme', minLength: 1 }), rows: fc.nat(4), columns: fc.nat(5) })
      .chain(({ name, rows, columns }) =>
        fc.record({
          name: fc.constant(name),
          shape: fc.constant([rows, columns]),
          values: fc.float32Array({ minLength: rows * columns, maxLength: rows * columns, noNaN: true }),
        }),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 5 }),
        fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
        async (tensors, metadata) => {
          const bytes = writeSafetensors(tensors, metadata);
          const file = await open(bytes);
          expect(file.metadata).toEqual(new Map(Object.entries(metadata)));
          expect([...file.tensors.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort());
          for (const { name, shape, values } of tensors) {
            const entry = file.tensors.get(name)!;
            expect(entry).toMatchObject({ dtype: 'F32', shape });
            expect(widen(bytes.slice(entry.offset, entry.offset + entry.bytes), 'F32')).toEqual(values);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('begins the data at a multiple of 8 and says that the file is for PyTorch', async () => {
    for (const name of ['a', 'ab', 'abc', 'abcd', 'abcde']) {
      const header = safetensorsHeader([{ name, dtype: 'BF16', shape: [2, 3] }]);
      expect(header.length % 8).toBe(0);
      const file = new Uint8Array(header.length + 12);
      file.set(header);
      const { tensors, metadata } = await open(file);
      expect(metadata).toEqual(new Map([['format', 'pt']]));
      expect(tensors.get(name)).toMatchObject({
        dtype: 'BF16',
        shape: [2, 3],
        offset: header.length,
        bytes: 12,
      });
    }
  });

  it('refuses two tensors of one name, and values that do not fill their shape', () => {
    const tensor = { name: 'a', shape: [2], values: Float32Array.of(1, 2) };
    expect(() => writeSafetensors([tensor, tensor])).toThrow(/Two tensors/);
    expect(() => writeSafetensors([{ ...tensor, shape: [3] }])).toThrow(/length/);
  });

  it('rounds to the nearest half and bfloat16, to the even one in the middle', () => {
    const words = (values: number[], dtype: 'F16' | 'BF16'): number[] => [
      ...new Uint16Array(floatBytes(Float32Array.from(values), dtype).buffer),
    ];
    expect(words([1, -2, 1 + 2 ** -11, 1 + 3 * 2 ** -11], 'F16')).toEqual([0x3c00, 0xc000, 0x3c00, 0x3c02]);
    expect(words([1, -2, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38], 'BF16')).toEqual([
      0x3f80, 0xc000, 0x3f80, 0x3f82, 0x7f80,
    ]);
    expect(words([NaN, Infinity, -Infinity, -0], 'BF16').slice(1)).toEqual([0x7f80, 0xff80, 0x8000]);
    expect(widen(floatBytes(Float32Array.of(NaN), 'BF16'), 'BF16')[0]).toBeNaN();
  });

  it('writes every value that a narrow type has as itself', () => {
    const halves = halfValues().filter((value) => !Number.isNaN(value));
    expect(widen(floatBytes(halves, 'F16'), 'F16')).toEqual(halves);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
        const value = widen(Uint8Array.of(bits & 0xff, bits >> 8), 'BF16');
        fc.pre(!Number.isNaN(value[0]));
        expect(widen(floatBytes(value, 'BF16'), 'BF16')).toEqual(value);
      }),
    );
  });
});
