import { AppError } from '../../protocol/errors';
import { decodeSections, encodeSections, requireNumber, requireSection } from '../byte-sections';
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
    offsets: new Uint32Array(bytes('offsets').buffer),
    rows: new Uint32Array(bytes('rows').buffer),
    frequencies: new Uint16Array(bytes('frequencies').buffer),
    lengths: bytes('lengths'),
    totalLength: requireNumber(sections, FORMAT, 'totalLength'),
  });
  const { offsets, rows, frequencies, terms } = index.data;
  const postings = offsets.at(-1) ?? 0;
  if (offsets.length !== terms.length + 1 || postings !== rows.length || postings !== frequencies.length) {
    throw new AppError('INTEGRITY', 'The bm25 file is damaged: its lists do not fit together.', {
      fix: 'Build the index again.',
    });
  }
  return index;
}
