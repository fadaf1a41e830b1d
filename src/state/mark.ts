/** Which parts of a passage to show marked: the words of the query, and the sentence that carries the answer. Pure text work. */

export interface MarkedPiece {
  text: string;
  marked: boolean;
}

export interface MarkedSentence {
  pieces: MarkedPiece[];
  /** The answer stands in this sentence. */
  carries: boolean;
}

// Words too common to be worth a mark.
const COMMON = new Set(
  'a an and are as at be been but by did do does for from had has have he her his how in into is it its of on or she that the their them they this to was were what when where which who whom whose why will with'.split(
    ' ',
  ),
);

const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Word and its plural count as the same: `town` marks `towns`. */
const stem = (word: string): string => {
  const folded = fold(word);
  return folded.length > 3 && folded.endsWith('s') && !folded.endsWith('ss') ? folded.slice(0, -1) : folded;
};

/** The words of a query that are worth marking. */
export function termsOf(query: string): Set<string> {
  const words = query.match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => !COMMON.has(fold(word))).map(stem));
}

export function markTerms(text: string, terms: ReadonlySet<string>): MarkedPiece[] {
  const pieces: MarkedPiece[] = [];
  const push = (piece: string, marked: boolean): void => {
    const last = pieces.at(-1);
    if (last && !last.marked && !marked) last.text += piece;
    else if (piece) pieces.push({ text: piece, marked });
  };
  let from = 0;
  for (const match of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    if (!terms.has(stem(match[0]))) continue;
    push(text.slice(from, match.index), false);
    pieces.push({ text: match[0], marked: true });
    from = match.index + match[0].length;
  }
  push(text.slice(from), false);
  return pieces;
}

/** Sentences with their closing white space, so that joined they are the text again. */
export function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.!?]["”’)]?\s+|\n)(?=\S)/).filter((sentence) => sentence !== '');
}

/** Letters and digits only, single spaces, framed by spaces, so that whole words compare. */
const wordsOnly = (text: string): string => ` ${(fold(text).match(/[\p{L}\p{N}]+/gu) ?? []).join(' ')} `;

/** Whether the text says the answer, word for word, whatever case, accents and punctuation. */
export function carriesAnswer(text: string, answer: string): boolean {
  const wanted = wordsOnly(answer);
  return wanted.trim() !== '' && wordsOnly(text).includes(wanted);
}

/** An answer such as “yes” or a bare digit stands everywhere and proves nothing. */
const provesSomething = (answer: string): boolean => {
  const words = wordsOnly(answer).trim();
  return words.length >= 3 && !['yes', 'both', 'neither', 'none', 'the'].includes(words);
};

export function markPassage(text: string, query: string, answer = ''): MarkedSentence[] {
  const terms = termsOf(query);
  const look = provesSomething(answer);
  return sentencesOf(text).map((sentence) => ({
    pieces: markTerms(sentence, terms),
    carries: look && carriesAnswer(sentence, answer),
  }));
}

/** The part of a passage worth a line: from the first sentence with a matched word, and the answer's before all. */
export function snippetOf(text: string, query: string, answer = '', length = 160): string {
  const sentences = sentencesOf(text);
  const terms = termsOf(query);
  const best =
    (provesSomething(answer) ? sentences.find((s) => carriesAnswer(s, answer)) : undefined) ??
    sentences.find((s) => markTerms(s, terms).some((piece) => piece.marked)) ??
    text;
  const from = Math.max(0, text.indexOf(best));
  const slice = text.slice(from, from + length).trim();
  return `${from > 0 ? '…' : ''}${slice}${from + length < text.length ? '…' : ''}`;
}

export interface Cited {
  passageId: string;
  text: string;
}

/**
 * The documents of the context that bear the answer out: those the generator cites as `[n]`, else those that say it word for word.
 * Indices into `context`, ascending.
 */
export function citationsOf(answer: string, context: readonly Cited[]): number[] {
  const named = [...answer.matchAll(/\[(\d{1,2})\]/g)]
    .map((match) => Number(match[1]) - 1)
    .filter((index) => index >= 0 && index < context.length);
  if (named.length > 0) return [...new Set(named)].sort((a, b) => a - b);
  if (!provesSomething(answer)) return [];
  return context.flatMap((document, index) => (carriesAnswer(document.text, answer) ? [index] : []));
}
