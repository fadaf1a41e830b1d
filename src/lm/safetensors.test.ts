import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { bytesSource } from './byte-source';
import { openCheckpoint, openSafetensors } from './safetensors';

function encode(header: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const open = (bytes: Uint8Array) => openSafetensors(bytesSource('model.safetensors', bytes));
const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  ...{ dtype, shape },
  data_offsets: [begin, end],
});

describe('openSafetensors', () => {
  it('finds every tensor of any well-formed file', () =>
    fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
          fc.tuple(fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'U8'), fc.array(fc.nat(5), { maxLength: 4 })),
        ),
        async (tensors) => {
          const sizes: Record<string, number> = { F32: 4, F16: 2, BF16: 2, I64: 8, U8: 1 };
          const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
          let at = 0;
          for (const [name, [dtype, shape]] of Object.entries(tensors)) {
            const bytes = shape.reduce((product, size) => product * size, sizes[dtype] ?? 0);
            header[name] = entry(dtype, shape, at, at + bytes);
            at += bytes;
          }
          const file = await open(encode(header, at));
          expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
          for (const [name, [dtype, shape]] of Object.entries(tensors)) {
            expect(file.tensors.get(name)).toMatchObject({ dtype, shape });
          }
          expect(file.metadata.get('format')).toBe('pt');
        },
      ),
    ));

  it('answers any bytes with a file or an AppError', () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.json().map((json) => encode(json, 3)),
          fc.dictionary(fc.string(), fc.anything()).map((header) => encode(JSON.stringify(header), 8)),
        ),
        async (bytes) => {
          const result = await open(bytes).catch((error: unknown) => error);
          if (result instanceof Error) expect(result).toBeInstanceOf(AppError);
          else expect(result).toHaveProperty('tensors');
        },
      ),
      { numRuns: 10_000 },
    ));

  const hostile: [string, unknown, number, RegExp][] = [
    ['an unknown type', { a: entry('F128', [1], 0, 16) }, 16, /unknown type F128/],
    ['a type named like an object’s own method', { a: entry('toString', [1], 0, 4) }, 4, /unknown type/],
    ['a negative size', { a: entry('F32', [-1], 0, 4) }, 4, /shape/],
    ['a fractional size', { a: entry('F32', [0.5], 0, 2) }, 2, /shape/],
    ['a shape whose product overflows', { a: entry('F32', [2 ** 32, 2 ** 32], 0, 0) }, 0, /needs/],
    ['offsets beyond the file', { a: entry('F32', [2], 0, 8) }, 4, /offsets/],
    ['offsets in the wrong order', { a: entry('F32', [0], 4, 0) }, 4, /offsets/],
    ['too few bytes for the shape', { a: entry('F32', [2], 0, 4) }, 4, /needs 8/],
    ['overlapping tensors', { a: entry('F32', [2], 0, 8), b: entry('F32', [1], 4, 8) }, 8, /overlaps/],
    ['a gap', { a: entry('F32', [1], 4, 8) }, 8, /gap/],
    ['bytes that belong to nothing', { a: entry('F32', [1], 0, 4) }, 9, /5 bytes belong to no tensor/],
    ['metadata that is no text', { __metadata__: { a: 1 } }, 0, /not a string/],
    ['a list for a header', [], 0, /not a JSON object/],
    ['text that is no JSON', '{"a":', 0, /not JSON/],
  ];
  it.each(hostile)('refuses %s', async (_, header, dataBytes, message) => {
    await expect(open(encode(header, dataBytes))).rejects.toThrow(message);
    await expect(open(encode(header, dataBytes))).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('refuses a header length beyond the file without allocating it', async () => {
    const bytes = encode({}, 0);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n, true);
    await expect(open(bytes)).rejects.toThrow(/header claims/);
  });
});

describe('openCheckpoint', () => {
  const file = (name: string) => encode({ [name]: entry('F32', [1], 0, 4) }, 4);

  it('opens the shards of a checkpoint as one', async () => {
    const all = await openCheckpoint([bytesSource('1', file('a')), bytesSource('2', file('b'))]);
    expect([...all].map(([name, { source }]) => [name, source.name])).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  it('refuses a tensor that two shards claim', async () => {
    const sources = [bytesSource('1', file('a')), bytesSource('2', file('a'))];
    await expect(openCheckpoint(sources)).rejects.toThrow(/also in 1/);
  });
});
