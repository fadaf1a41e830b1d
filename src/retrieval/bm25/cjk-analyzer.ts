/**
 * Lucene's CJKAnalyzer: StandardTokenizer → full-width Latin and half-width katakana folded → lower case → pairs of neighbouring
 * Chinese, Japanese and Korean characters, one alone where it has no neighbour → 36 stop words.
 */
import { lowerCase, tokenize } from './analyzer';

/** `CJKAnalyzer`'s list: English words, and what the folding of widths leaves of them. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a and are as at be but by for if in into is it no not of on or s such t ' +
    'that the their then there these they this to was will with www'
  ).split(' '),
);

/** Full-width ASCII and half-width katakana with its voicing marks. */
const WIDE = /[\uff01-\uff5e]|[\uff65-\uff9f]+/g;
const RUN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]+|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]+/gu;
const IS_CJK = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]/u;

export function* cjkTokens(text: string): Generator<string> {
  const folded = text.replace(WIDE, (characters) => characters.normalize('NFKC'));
  for (const [run] of folded.matchAll(RUN)) {
    if (!IS_CJK.test(run)) {
      yield* tokenize(run);
      continue;
    }
    let before = '';
    let pairs = 0;
    for (const character of run) {
      if (before !== '') {
        yield before + character;
        pairs++;
      }
      before = character;
    }
    if (pairs === 0) yield run;
  }
}

export function normalizeCjk(token: string): string | null {
  const word = lowerCase(token);
  return STOP_WORDS.has(word) ? null : word;
}
