/**
 * `signs.bin`: what stays in memory of a large corpus while its int8 rows lie elsewhere. Sections: `rows`, `scales`, `products`, `mean` of the
 * signs, and `byteScales`, the scales of the int8 rows in `vectors.bin`.
 */
import { AppError } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
} from '../byte-sections';
import type { ByteRows } from './byte-rows';
import { SignRows } from './sign-rows';

const FORMAT = 'signs';
const VERSION = 1;

export interface ResidentSigns {
  signs: SignRows;
  /** [count]: of the int8 rows. */
  byteScales: Float32Array;
}

/** Of the same vectors, row by row. */
export function encodeSigns(
  signs: SignRows,
  { scales }: Pick<ByteRows, 'scales'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { dimensions, count, seed } = signs;
  return encodeSections(FORMAT, VERSION, { dimensions, count, seed }, [
    ['rows', signs.codes],
    ['scales', signs.scales],
    ['products', signs.products],
    ['mean', signs.mean],
    ['byteScales', scales],
  ]);
}

/** @throws AppError INTEGRITY, UNSUPPORTED */
export async function decodeSigns(file: Uint8Array<ArrayBuffer>): Promise<ResidentSigns> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  const words = (name: string): Float32Array =>
    requireWords(requireSection(sections, FORMAT, name), FORMAT, Float32Array);
  const [scales, products, mean] = [words('scales'), words('products'), words('mean')];
  const byteScales = words('byteScales');
  const finite = [scales, products, mean, byteScales].every((list) => list.every(Number.isFinite));
  if (!finite || byteScales.length !== scales.length) {
    throw new AppError('INTEGRITY', 'The signs file is damaged: its scales are not finite.', {
      fix: 'Build the index again.',
    });
  }
  const codes = requireSection(sections, FORMAT, 'rows');
  const seed = requireNumber(sections, FORMAT, 'seed');
  return { signs: new SignRows({ codes, scales, products, mean, seed }), byteScales };
}
