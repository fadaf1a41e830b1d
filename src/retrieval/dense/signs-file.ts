/**
 * `signs.bin`: what stays in memory of a large corpus while its int8 rows lie elsewhere. Sections: `rows`, `scales`, `products`, `mean` of the
 * signs, `byteScales`, the scales of the int8 rows in `vectors.bin`, and `checks`, a CRC-32 of each of them: read a few at a time, they cannot be
 * held against the hash of their file.
 */
import { AppError } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
} from '../byte-sections';
import { crc32 } from '../packs/crc32';
import type { ByteRows } from './byte-rows';
import { SignRows } from './sign-rows';

export const SIGNS_FORMAT = 'signs';
export const SIGNS_VERSION = 1;
const [FORMAT, VERSION] = [SIGNS_FORMAT, SIGNS_VERSION];

export interface ResidentSigns {
  signs: SignRows;
  /** [count]: of the int8 rows. */
  byteScales: Float32Array;
  /** [count]: CRC-32 of the codes of each int8 row. Absent in files of the first days. */
  checks?: Uint32Array;
}

/** Of the same vectors, row by row. */
export function encodeSigns(
  signs: SignRows,
  { scales, codes, stride }: Pick<ByteRows, 'scales' | 'codes' | 'stride'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { dimensions, count, seed } = signs;
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  const checks = Uint32Array.from({ length: count }, (_, row) =>
    crc32(bytes.subarray(row * stride, (row + 1) * stride)),
  );
  return encodeSections(FORMAT, VERSION, { dimensions, count, seed }, [
    ['rows', signs.codes],
    ['scales', signs.scales],
    ['products', signs.products],
    ['mean', signs.mean],
    ['byteScales', scales],
    ['checks', checks],
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
  const checks = sections.sections.get('checks');
  return {
    ...{ signs: new SignRows({ codes, scales, products, mean, seed }), byteScales },
    ...(checks && { checks: requireWords(checks, FORMAT, Uint32Array) }),
  };
}
