import type { StoredFile } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
  type SectionHeader,
  type Sections,
} from '../byte-sections';
import { PatientBytes, readSections, type SectionSink } from '../section-reader';
import { analyzerOf } from './analyzers';
import { Bm25Index, type Bm25Data } from './bm25-index';
import { PostingLists } from './posting-lists';

const FORMAT = 'bm25';
/** 1 had the postings as plain numbers, 6 bytes each. */
const VERSIONS = [2, 1];
const VERSION = 2;

/** The index as one file. No term contains a line break, so the dictionary is text, one term a line. */
export function encodeBm25({ data, analyzer }: Bm25Index): Promise<Uint8Array<ArrayBuffer>> {
  const { k1, b } = data.parameters;
  const { table, postings } = data.postings.encode();
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
  return indexOf(await decodeSections(file, FORMAT, VERSIONS));
}

/** The same piece by piece: the file is never in memory as a whole. Its hash is not computed: `file` has checked what it gives. */
export async function loadBm25(file: StoredFile, signal?: AbortSignal): Promise<Bm25Index> {
  const rooms = new Map<string, PatientBytes>();
  const place = ({ sections: list }: Pick<SectionHeader, 'sections'>): Map<string, SectionSink> => {
    for (const { name, bytes } of list) rooms.set(name, new PatientBytes(bytes));
    return new Map([...rooms].map(([name, { sink }]) => [name, sink]));
  };
  const { version, meta } = await readSections(file, FORMAT, VERSIONS, place, signal);
  const sections = new Map([...rooms].map(([name, { bytes }]) => [name, bytes]));
  return indexOf({ version, meta, sections });
}

async function indexOf(sections: Sections): Promise<Bm25Index> {
  const analyzer = await analyzerOf(sections.meta['analyzer']);
  const dictionary = new TextDecoder().decode(requireSection(sections, FORMAT, 'terms'));
  const terms = dictionary === '' ? [] : dictionary.split('\n');
  const lengths = requireSection(sections, FORMAT, 'lengths');
  const data: Bm25Data = {
    parameters: { k1: requireNumber(sections, FORMAT, 'k1'), b: requireNumber(sections, FORMAT, 'b') },
    ...{ terms, lengths, totalLength: requireNumber(sections, FORMAT, 'totalLength') },
    postings: postingsOf(sections, terms.length, lengths.length),
  };
  return new Bm25Index(data, analyzer);
}

/** A file made by somebody else may have a right checksum and wrong lists. */
function postingsOf(sections: Sections, terms: number, documents: number): PostingLists {
  const section = (name: string): Uint8Array<ArrayBuffer> => requireSection(sections, FORMAT, name);
  try {
    const coded =
      sections.version === 1
        ? PostingLists.of({
            offsets: requireWords(section('offsets'), FORMAT, Uint32Array),
            rows: requireWords(section('rows'), FORMAT, Uint32Array),
            frequencies: requireWords(section('frequencies'), FORMAT, Uint16Array),
          }).encode()
        : { table: section('table'), postings: section('postings') };
    return PostingLists.decode(coded, terms, documents);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('INTEGRITY', 'The bm25 file is damaged: its lists do not fit together.', {
      ...{ fix: 'Build the index again.', cause },
    });
  }
}
