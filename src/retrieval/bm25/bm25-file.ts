import { AppError } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
  type Sections,
} from '../byte-sections';
import { analyzerOf } from './analyzers';
import { Bm25Index, type Bm25Data } from './bm25-index';
import { decodePostings, encodePostings } from './postings-code';

const FORMAT = 'bm25';
/** 1 had the postings as plain numbers, 6 bytes each. */
const VERSIONS = [2, 1];
const VERSION = 2;

/** The index as one file. No term contains a line break, so the dictionary is text, one term a line. */
export function encodeBm25({ data, analyzer }: Bm25Index): Promise<Uint8Array<ArrayBuffer>> {
  const { k1, b } = data.parameters;
  const { table, postings } = encodePostings(data);
  const meta = { analyzer: analyzer.id, k1, b, totalLength: data.totalLength };
  return encodeSections(FORMAT, VERSION, meta, [
    ['terms', new TextEncoder().encode(data.terms.join('\n'))],
    ['table', table],
    ['postings', postings],
    ['lengths', data.lengths],
  ]);
}

/** Throws `INTEGRITY` for a damaged file, `UNSUPPORTED` for one made with rules of analysis that are not known here. */
export async function decodeBm25(file: Uint8Array<ArrayBuffer>): Promise<Bm25Index> {
  const sections = await decodeSections(file, FORMAT, VERSIONS);
  const analyzer = await analyzerOf(sections.meta['analyzer']);
  const dictionary = new TextDecoder().decode(requireSection(sections, FORMAT, 'terms'));
  const terms = dictionary === '' ? [] : dictionary.split('\n');
  // A copy: as a view it would keep the whole file in memory.
  const lengths = requireSection(sections, FORMAT, 'lengths').slice();
  const data: Bm25Data = {
    parameters: { k1: requireNumber(sections, FORMAT, 'k1'), b: requireNumber(sections, FORMAT, 'b') },
    ...{ terms, lengths, totalLength: requireNumber(sections, FORMAT, 'totalLength') },
    ...(sections.version === 1 ? plainPostings(sections) : codedPostings(sections, terms, lengths)),
  };
  requireConsistent(data);
  return new Bm25Index(data, analyzer);
}

const plainPostings = (sections: Sections) => ({
  offsets: requireWords(requireSection(sections, FORMAT, 'offsets'), FORMAT, Uint32Array),
  rows: requireWords(requireSection(sections, FORMAT, 'rows'), FORMAT, Uint32Array),
  frequencies: requireWords(requireSection(sections, FORMAT, 'frequencies'), FORMAT, Uint16Array),
});

function codedPostings(sections: Sections, terms: readonly string[], lengths: Uint8Array) {
  const coded = {
    table: requireSection(sections, FORMAT, 'table'),
    postings: requireSection(sections, FORMAT, 'postings'),
  };
  try {
    return decodePostings(coded, terms.length, lengths.length);
  } catch (cause) {
    throw damaged(cause);
  }
}

/** A file made by somebody else may have a right checksum and wrong lists. */
function requireConsistent({ offsets, rows, frequencies, terms, lengths }: Bm25Data): void {
  const postings = offsets.at(-1) ?? 0;
  const fits =
    offsets.length === terms.length + 1 &&
    postings === rows.length &&
    postings === frequencies.length &&
    offsets.every((offset, i) => i === 0 || offset >= (offsets[i - 1] ?? 0)) &&
    rows.every((row) => row < lengths.length);
  if (!fits) throw damaged();
}

const damaged = (cause?: unknown): AppError =>
  new AppError('INTEGRITY', 'The bm25 file is damaged: its lists do not fit together.', {
    ...{ fix: 'Build the index again.', cause },
  });
