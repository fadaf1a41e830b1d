/**
 * `vectors.bin`: the rows of one index. Version 1 as it has always been for f32 (rows without padding); int8, f16 and sign rows lie as
 * they do in memory. Sections of int8: `rows`, `scales`, `products`, `mean`.
 */
import { AppError } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
} from '../byte-sections';
import { ByteRows } from './byte-rows';
import type { DenseRows } from './dense-index';
import { FloatRows, floatRows } from './float-rows';
import { strideOf } from './shape';

export const VECTORS_FORMAT = 'vectors';
export const VECTORS_VERSION = 1;
const [FORMAT, VERSION] = [VECTORS_FORMAT, VECTORS_VERSION];

export function encodeVectors(rows: DenseRows): Promise<Uint8Array<ArrayBuffer>> {
  const { dtype, dimensions, count } = rows;
  const meta = { dimensions, dtype, count };
  if (dtype === 'int8') {
    const { codes, scales, products, mean } = rows;
    return encodeSections(FORMAT, VERSION, meta, [
      ['rows', codes],
      ['scales', scales],
      ['products', products],
      ['mean', mean],
    ]);
  }
  if (dtype === 'f16') return encodeSections(FORMAT, VERSION, meta, [['rows', rows.data]]);
  // As version 1 of the program wrote it, byte for byte.
  return encodeSections(FORMAT, VERSION, { dimensions, dtype }, [['rows', packed(rows)]]);
}

function packed({ data, dimensions, stride, count }: FloatRows): ArrayBufferView {
  if (stride === dimensions) return data;
  const matrix = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row += 1) {
    matrix.set(data.subarray(row * stride, row * stride + dimensions), row * dimensions);
  }
  return matrix;
}

/** @throws AppError INTEGRITY for a damaged file, UNSUPPORTED for a type of a later version, BAD_INPUT for numbers that are not finite */
export async function decodeVectors(file: Uint8Array<ArrayBuffer>): Promise<DenseRows> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  const dimensions = requireNumber(sections, FORMAT, 'dimensions');
  const rows = requireSection(sections, FORMAT, 'rows');
  const words = (name: string): Float32Array =>
    requireWords(requireSection(sections, FORMAT, name), FORMAT, Float32Array);
  const dtype = sections.meta['dtype'];
  if (dtype === 'f32') return floatRows(requireWords(rows, FORMAT, Float32Array), dimensions);
  if (dtype === 'f16') {
    const data = requireWords(rows, FORMAT, Uint16Array);
    return new FloatRows(data, dimensions, data.length / strideOf(dimensions, 2));
  }
  if (dtype === 'int8') {
    const [scales, products, mean] = [words('scales'), words('products'), words('mean')];
    if (
      mean.length !== dimensions ||
      ![scales, products, mean].every((list) => list.every(Number.isFinite))
    ) {
      throw new AppError('INTEGRITY', 'The vectors file is damaged: its scales are not finite.', {
        fix: 'Build the index again.',
      });
    }
    return new ByteRows({ codes: requireWords(rows, FORMAT, Int8Array), scales, products, mean });
  }
  throw new AppError('UNSUPPORTED', `The vectors are of type ${String(dtype)}.`, {
    fix: 'Build the index again with this version.',
  });
}
