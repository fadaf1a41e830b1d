/** What the environment says to the searcher (spec of the loop, §1.2 and §1.4). */
import type { Hit, Passage } from '../protocol/retrieval';
import type { ShownDocument } from '../protocol/trace';
import { neutralise } from './neutralise';
import { renderInitialResults, renderSearchResults } from './prompts';

export type CountTokens = (texts: readonly string[]) => Promise<number[]>;

/** A longer title would push the documents out of the window. */
const MAX_TITLE_CHARACTERS = 300;
/** A cut falls on a blank that is at most this far back, else between two characters (scripts without blanks). */
const MAX_WORD_CHARACTERS = 40;

const block = (results: string): string => `\n\n<information>${results.trim()}</information>\n\n`;

/** Stands for the results of a query that the retriever could not answer. */
export const ERROR_OBSERVATION = block('Error');

/** Asks for a query and opens its tag, so that the searcher continues inside. */
export const INVALID_OBSERVATION =
  '\n\nThe information gathered so far is not enough, and the last message held neither a search query nor the end of the search. ' +
  'Please write a new search query, different from the earlier ones, as JSON between <query> and </query>:\n<query>\n';

export function searchObservation(documents: readonly ShownDocument[]): string {
  return block(renderSearchResults(documents.map(passageInView)));
}

export function initialResults(documents: readonly ShownDocument[]): string {
  return renderInitialResults(documents.map(passageInView));
}

/** Numbers the hits from 1, as every window does. */
export function shownDocuments(hits: readonly Hit[]): ShownDocument[] {
  return hits.map(({ passage: { id, title, text }, score }, i) => ({
    number: i + 1,
    passageId: id,
    title,
    text,
    score,
  }));
}

/** A document as a model reads it: harmless, its title on one line, its text as far as the window had room for it. */
function passageInView(document: ShownDocument): Passage {
  const { passageId, title, text, shownLength } = document;
  const line = title.replace(/\s+/g, ' ').trim();
  return {
    id: passageId,
    title: neutralise(line.length > MAX_TITLE_CHARACTERS ? `${line.slice(0, MAX_TITLE_CHARACTERS)}…` : line),
    text: neutralise(shownLength === undefined ? text : text.slice(0, shownLength)),
  };
}

/**
 * Cuts words from the end until the rendered documents fit; a document without room for a word is dropped, and can then
 * not be selected. The frame, with its closing tag, always stays.
 */
export async function fitDocuments(
  documents: readonly ShownDocument[],
  render: (documents: readonly ShownDocument[]) => string,
  maxTokens: number,
  countTokens: CountTokens,
): Promise<ShownDocument[]> {
  const fits = async (candidate: readonly ShownDocument[]): Promise<boolean> =>
    ((await countTokens([render(candidate)]))[0] ?? 0) <= maxTokens;
  if (documents.length === 0 || (await fits(documents))) return [...documents];
  let kept: ShownDocument[] = [];
  let low = 0;
  let high = documents.reduce((sum, d) => sum + d.text.length, 0);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const candidate = cutAfter(documents, middle);
    if (await fits(candidate)) {
      kept = candidate;
      low = middle;
    } else high = middle - 1;
  }
  return kept;
}

/** The first `characters` of all texts together, rounded down to whole words. */
function cutAfter(documents: readonly ShownDocument[], characters: number): ShownDocument[] {
  const kept: ShownDocument[] = [];
  let room = characters;
  for (const document of documents) {
    if (document.text.length <= room) kept.push(document);
    else {
      const shownLength = wordBoundary(document.text, room);
      if (shownLength > 0) kept.push({ ...document, shownLength });
      break;
    }
    room -= document.text.length;
  }
  return kept;
}

function wordBoundary(text: string, length: number): number {
  if (length <= 0) return 0;
  if (/\s/.test(text.charAt(length))) return text.slice(0, length).trimEnd().length;
  const tail = text.slice(Math.max(0, length - MAX_WORD_CHARACTERS), length);
  const blank = tail.search(/\s\S*$/);
  if (blank >= 0) return text.slice(0, length - tail.length + blank).trimEnd().length;
  if (length <= MAX_WORD_CHARACTERS) return 0;
  const code = text.charCodeAt(length);
  return code >= 0xdc00 && code <= 0xdfff ? length - 1 : length;
}
