/**
 * Lucene's English analysis: StandardTokenizer (UAX #29 word rules) → possessive → lower case → 33 stop words → Porter.
 *
 * Text of ASCII characters alone follows a regular expression that states the word rules for that range exactly; the rest goes
 * through `Intl.Segmenter`, corrected where ICU departs from Lucene: a colon between letters joins, ideographs and hiragana stand
 * alone, runs of katakana and of South-East Asian scripts stay whole.
 */
import { porterStem } from './porter-stemmer';

/** Written into every index: a change of the rules is a change of this name. */
export const ANALYZER_ID = 'lucene-english/1';

/** Lucene's `EnglishAnalyzer.ENGLISH_STOP_WORDS_SET`. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such ' +
    'that the their then there these they this to was will with'
  ).split(' '),
);

/** StandardTokenizer cuts longer tokens into pieces of this many UTF-16 units. */
const MAX_TOKEN_LENGTH = 255;

// WB5–WB13b for ASCII: letters join over : . and ', digits over , ; . and ', and _ joins everything.
const ASCII_WORD =
  /[A-Za-z0-9_]+(?:(?:(?<=[A-Za-z])[:.'](?=[A-Za-z])|(?<=[0-9])[,;.'](?=[0-9]))[A-Za-z0-9_]+)*/g;
// No rule joins letters over white space, so a chunk between blanks can be looked at alone.
const CHUNK = /[^\t-\r ]+/g;
const NON_ASCII = /[^\0-\x7f]/;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
/** One ideograph or hiragana, or what lies between them: ICU's dictionary makes words of several. */
const PARTS = /[\p{Script=Han}\p{Script=Hiragana}]|[^\p{Script=Han}\p{Script=Hiragana}]+/gu;
const STANDS_ALONE = /^[\p{Script=Han}\p{Script=Hiragana}]/u;
/** Scripts of which ICU cuts runs by a dictionary and Lucene does not. */
const RUNS = [
  /^[\p{Script=Katakana}ー]/u,
  /^[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u,
];
const EMOJI = /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\u{fe0f})/u;
const ENDS_IN_LETTER = /\p{L}\p{M}*$/u;
const STARTS_WITH_LETTER = /^\p{L}/u;

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

const sameRun = (a: string, b: string): boolean => RUNS.some((script) => script.test(a) && script.test(b));

function* segmentWords(chunk: string): Generator<string> {
  let pending = '';
  let colon = false;
  for (const { segment, isWordLike } of segmenter.segment(chunk)) {
    if (!isWordLike) {
      if (segment === ':' && ENDS_IN_LETTER.test(pending)) {
        colon = true;
        continue;
      }
      if (pending) yield pending;
      pending = '';
      colon = false;
      if (EMOJI.test(segment)) yield segment;
      continue;
    }
    for (const part of segment.match(PARTS) ?? []) {
      const alone = STANDS_ALONE.test(part);
      if (colon && !alone && STARTS_WITH_LETTER.test(part)) {
        pending += ':' + part;
      } else if (!colon && sameRun(pending, part)) {
        pending += part;
      } else {
        if (pending) yield pending;
        if (alone) yield part;
        pending = alone ? '' : part;
      }
      colon = false;
    }
  }
  if (pending) yield pending;
}

/** The words of a text as StandardTokenizer finds them, case kept. */
export function* tokenize(text: string): Generator<string> {
  for (const [chunk] of text.matchAll(CHUNK)) {
    const words = NON_ASCII.test(chunk) ? segmentWords(chunk) : (chunk.match(ASCII_WORD) ?? []);
    for (const word of words) {
      if (!LETTER_OR_DIGIT.test(word) && !EMOJI.test(word)) continue;
      for (let i = 0; i < word.length; i += MAX_TOKEN_LENGTH) yield word.slice(i, i + MAX_TOKEN_LENGTH);
    }
  }
}

/** Java's `Character.toLowerCase`, one code point at a time: no final sigma, İ becomes i. */
export function lowerCase(word: string): string {
  if (!NON_ASCII.test(word)) return word.toLowerCase();
  let result = '';
  for (const character of word) result += character === 'İ' ? 'i' : character.toLowerCase();
  return result;
}

/** The index term of one token, or `null` for a stop word. */
export function normalizeToken(token: string): string | null {
  const word = lowerCase(token.replace(/['\u2019\uff07][sS]$/, ''));
  return STOP_WORDS.has(word) ? null : porterStem(word);
}

/** The index terms of a text, in order, duplicates kept. */
export function analyze(text: string): string[] {
  const terms: string[] = [];
  for (const token of tokenize(text)) {
    const term = normalizeToken(token);
    if (term !== null) terms.push(term);
  }
  return terms;
}
