/** The sentences of IRCoT's chain of thought: cut, judged, and made into queries (arXiv 2212.10509; its `ircot.py`). */

/** A segment that ends so does not end a sentence. */
const ABBREVIATION =
  /(?:^|[\s("'“])(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Gen|Col|Lt|Sgt|Capt|Rev|Hon|Gov|Sen|Rep|No|vs|etc|e\.g|i\.e|cf|ca|U\.S|U\.K|U\.N|Inc|Ltd|Co|Corp|Vol|Op)\.\s*$/u;

/** A conclusion rather than a need for facts: not a query. */
const REASONING_STARTS = ['thus ', 'thus,', 'so ', 'so,', 'that is,', 'therefore', 'hence'];
/** A sum or difference, such as `1990 - 1950 = 40`. */
const ARITHMETIC = /\d [+-] (?:\d[\d,]*\.\d+|\d(?:[\d,]*\d)?) = \d/;

const QUESTION_WORDS = new Set(['who', 'what', 'when', 'where', 'why', 'which', 'how', 'does', 'is']);

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** The first sentence of a text, trimmed; empty where there is none. The original uses spaCy, which cuts at other abbreviations. */
export function firstSentence(text: string): string {
  let sentence = '';
  for (const { segment } of segmenter.segment(text.trim())) {
    sentence += segment;
    if (!ABBREVIATION.test(sentence)) break;
  }
  return sentence.trim();
}

export function isReasoning(sentence: string): boolean {
  const lower = sentence.toLowerCase();
  return REASONING_STARTS.some((start) => lower.startsWith(start)) || ARITHMETIC.test(sentence);
}

/** The last sentence that is no conclusion, else the question; without question words. Empty: nothing to search for. */
export function thoughtQuery(question: string, sentences: readonly string[]): string {
  const basis =
    sentences.findLast((sentence) => sentence.trim() !== '' && !isReasoning(sentence)) ?? question;
  return withoutQuestionWords(basis);
}

export const withoutQuestionWords = (text: string): string =>
  text
    .split(' ')
    .filter((word) => !QUESTION_WORDS.has(word.toLowerCase()))
    .join(' ')
    .trim();

/** What stands behind the last "answer is" of the first line. */
const ANSWER_IS = /^[^\n]* answer is:? ([^\n]*)/;

export const saysAnswer = (sentence: string): boolean => ANSWER_IS.test(sentence);

/** The answer of a chain of thought: behind "answer is", else all of it; without its last full stop. */
export function thoughtAnswer(text: string): string {
  const trimmed = text.trim();
  return (ANSWER_IS.exec(trimmed)?.[1] ?? trimmed).trim().replace(/\.$/, '').trim();
}
