/**
 * Scores of one answer against its gold answers: exact match and token F1 as SQuAD's script, and the span check of s3's
 * generation accuracy (pyserini's `has_answers` over DPR's SimpleTokenizer).
 */

export interface AnswerScore {
  /** 0 or 1. */
  em: number;
  /** 0…1, the best over the gold answers. */
  f1: number;
  /** 0 or 1: some gold answer's tokens stand in the answer in one piece. */
  accuracy: number;
}

/** Python's `string.punctuation`. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** Python's word boundaries know all letters and digits, JavaScript's only those of ASCII. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** What Python's `str.split` splits at. */
const BLANKS = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;
/** DPR's SimpleTokenizer: runs of letters, digits and marks, or one symbol that is neither blank nor control. */
const DPR_TOKEN = /[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]/gu;

/** Lower case, without ASCII punctuation, without a, an, the, blanks collapsed. */
export function normaliseAnswer(text: string): string {
  const bare = text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ').replace(BLANKS, ' ');
  // Not `trim`, which takes U+FEFF, too; Python's `split` keeps it.
  return bare.replace(/^ | $/g, '');
}

export function exactMatch(prediction: string, golds: readonly string[]): number {
  const answer = normaliseAnswer(prediction);
  return golds.some((gold) => normaliseAnswer(gold) === answer) ? 1 : 0;
}

/** Harmonic mean of precision and recall over the bags of normalised words. */
export function f1Score(prediction: string, golds: readonly string[]): number {
  return Math.max(0, ...golds.map((gold) => wordF1(words(prediction), words(gold))));
}

/** 1 if some normalised gold answer is a part of the normalised prediction, letter by letter ("cover EM"). */
export function coverMatch(prediction: string, golds: readonly string[]): number {
  const answer = normaliseAnswer(prediction);
  return golds.some((gold) => {
    const wanted = normaliseAnswer(gold);
    return wanted === '' ? answer === '' : answer.includes(wanted);
  })
    ? 1
    : 0;
}

/** Whether some gold answer's tokens are a contiguous part of the prediction's. */
export function spanCheck(prediction: string, golds: readonly string[]): boolean {
  const haystack = dprTokens(normaliseAnswer(prediction));
  return golds.some((gold) => {
    const needle = dprTokens(normaliseAnswer(gold));
    if (needle.length > 0) return containsRun(haystack, needle);
    // "A" or "?!" vanish in normalisation, and nothing is part of everything: such golds are looked up as they stand.
    const bare = dprTokens(gold.toLowerCase());
    return bare.length > 0 && containsRun(dprTokens(prediction.toLowerCase()), bare);
  });
}

export function scoreAnswer(prediction: string, golds: readonly string[]): AnswerScore {
  return {
    em: exactMatch(prediction, golds),
    f1: f1Score(prediction, golds),
    accuracy: spanCheck(prediction, golds) ? 1 : 0,
  };
}

const words = (text: string): string[] =>
  normaliseAnswer(text)
    .split(' ')
    .filter((word) => word !== '');

function wordF1(prediction: readonly string[], gold: readonly string[]): number {
  if (prediction.length === 0 || gold.length === 0) return prediction.length === gold.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of gold) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of prediction) {
    const count = left.get(word) ?? 0;
    if (count > 0) {
      common += 1;
      left.set(word, count - 1);
    }
  }
  return (2 * common) / (prediction.length + gold.length);
}

const dprTokens = (text: string): string[] =>
  text
    .normalize('NFD')
    .match(DPR_TOKEN)
    ?.map((t) => t.toLowerCase()) ?? [];

function containsRun(haystack: readonly string[], needle: readonly string[]): boolean {
  for (let start = 0; start + needle.length <= haystack.length; start++) {
    if (needle.every((token, i) => haystack[start + i] === token)) return true;
  }
  return false;
}
