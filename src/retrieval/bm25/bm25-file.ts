import { AppError } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
} from '../byte-sections';
import { ANALYZER_ID } from './analyzer';
import { Bm25Index } from './bm25-index';

const FORMAT = 'bm25';
const VERSION = 1;

/** The index as one file. No term contains a line break, so the dictionary is text, one term a line. */
export function encodeBm25({ data }: Bm25Index): Promise<Uint8Array<ArrayBuffer>> {
  const { k1, b } = data.parameters;
  const meta = { analyzer: ANALYZER_ID, k1, b, totalLength: data.totalLength };
  return encodeSections(FORMAT, VERSION, meta, [
    ['terms', new TextEncoder().encode(data.terms.join('\n'))],
    ['offsets', data.offsets],
    ['rows', data.rows],
    ['frequencies', data.frequencies],
    ['lengths', data.lengths],
  ]);
}

/** Throws `INTEGRITY` for a damaged file, `UNSUPPORTED` for one made with other rules of analysis. */
export async function decodeBm25(file: Uint8Array<ArrayBuffer>): Promise<Bm25Index> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  const { analyzer } = sections.meta;
  if (analyzer !== ANALYZER_ID) {
    throw new AppError('UNSUPPORTED', `The BM25 index was analysed with ${String(analyzer)}.`, {
      fix: `Build the index again; this version analyses with ${ANALYZER_ID}.`,
    });
  }
  const bytes = (name: string): Uint8Array<ArrayBuffer> => requireSection(sections, FORMAT, name);
  const dictionary = new TextDecoder().decode(bytes('terms'));
  const index = new Bm25Index({
    parameters: { k1: requireNumber(sections, FORMAT, 'k1'), b: requireNumber(sections, FORMAT, 'b') },
    terms: dictionary === '' ? [] : dictionary.split('\n'),
    offsets: requireWords(bytes('offsets'), FORMAT, Uint32Array),
    rows: requireWords(bytes('rows'), FORMAT, Uint32Array),
    frequencies: requireWords(bytes('frequencies'), FORMAT, Uint16Array),
    lengths: bytes('lengths'),
    totalLength: requireNumber(sections, FORMAT, 'totalLength'),
  });
  requireConsistent(index);
  return index;
}

/** A file made by somebody else may have a right checksum and wrong lists. */
function requireConsistent({ data, count }: Bm25Index): void {
  const { offsets, rows, frequencies, terms } = data;
  const postings = offsets.at(-1) ?? 0;
  const fits =
    offsets.length === terms.length + 1 &&
    postings === rows.length &&
    postings === frequencies.length &&
    offsets.every((offset, i) => i === 0 || offset >= (offsets[i - 1] ?? 0)) &&
    rows.every((row) => row < count);
  if (fits) return;
  throw new AppError('INTEGRITY', 'The bm25 file is damaged: its lists do not fit together.', {
    fix: 'Build the index again.',
  });
}
