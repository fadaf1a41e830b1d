import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainly, randomNumbers } from '../../../tests/retrieval/random-instances';
import { AppError } from '../../protocol/errors';
import { encodeSections } from '../byte-sections';
import { denseRows } from './build-rows';
import { PlainIndex } from './dense-index';
import { decodeVectors, encodeVectors } from './vectors-file';

const vector = (...values: number[]): Float32Array => Float32Array.from(values);
const random = randomNumbers(3);
const vectors = Array.from({ length: 30 }, () => Float32Array.from({ length: 5 }, () => random() - 0.4));

describe('stored vectors', () => {
  it.each(['f32', 'f16', 'int8'] as const)('of %s come back as they were', async (dtype) => {
    const rows = denseRows(vectors, 5, dtype);
    const again = await decodeVectors(await encodeVectors(rows));
    expect(again).toMatchObject({ dtype, dimensions: 5, count: 30 });
    expect(again.rowAt(29)).toEqual(rows.rowAt(29));
    const found = await new PlainIndex(rows).search(vectors, 7);
    expect(plainly(await new PlainIndex(again).search(vectors, 7))).toEqual(plainly(found));
    const none = await decodeVectors(await encodeVectors(denseRows([], 5, dtype)));
    expect(none).toMatchObject({ dtype, dimensions: 5, count: 0 });
  });

  it('of f32 lie without gaps, as files of the first version do', async () => {
    const rows = vector(0.5, -1, 3e-39, 1, 0, 0);
    const file = await encodeSections('vectors', 1, { dimensions: 3, dtype: 'f32' }, [['rows', rows]]);
    const [first, second] = [rows.slice(0, 3), rows.slice(3)];
    expect(await encodeVectors(denseRows([first, second], 3))).toEqual(file);
    expect((await decodeVectors(file)).rowAt(0)).toEqual(first);
  });

  it.each(['f32', 'int8'] as const)(
    'of %s are refused when cut, altered, or of another kind',
    async (dtype) => {
      const rows = denseRows([vector(1, 2)], 2, dtype);
      const file = await encodeVectors(rows);
      for (let length = 0; length < file.length; length += 7) {
        await expect(decodeVectors(file.slice(0, length))).rejects.toMatchObject({ code: 'INTEGRITY' });
      }
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.nat(file.length), async (noise, at) => {
          const mixed = Uint8Array.from([
            ...file.slice(0, at),
            ...noise,
            ...file.slice(at + noise.length + 1),
          ]);
          const outcome: unknown = await decodeVectors(mixed).catch((error: unknown) => error);
          // The header stands outside of its own checksum; whoever keeps the file has one of the whole.
          if (!(outcome instanceof AppError)) expect(outcome).toMatchObject({ dtype, count: 1 });
        }),
        { numRuns: 500 },
      );
    },
  );

  it('of a type that is not known are refused, and so are scales that are no numbers', async () => {
    const part = ['rows', new Float32Array(2)] as const;
    const later = await encodeSections('vectors', 1, { dimensions: 2, dtype: 'int4' }, [part]);
    await expect(decodeVectors(later)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const wild = await encodeSections('vectors', 1, { dimensions: 2, dtype: 'int8' }, [
      ['rows', new Int8Array(16)],
      ['scales', vector(NaN)],
      ['products', vector(0)],
      ['mean', vector(0, 0)],
    ]);
    await expect(decodeVectors(wild)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });
});
