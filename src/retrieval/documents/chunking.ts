/** Cuts running text into passages, by default of about 100 words, the unit of s3's Wikipedia index, at sentence ends. */
import { AppError } from '../../protocol/errors';
import type { Chunking } from '../../protocol/corpus';

export interface ChunkOptions {
  /** What a passage should come to. */
  targetWords: number;
  /** A sentence longer than this is cut between words; no passage is longer. */
  maxWords: number;
}

export const DEFAULT_CHUNKS: ChunkOptions = { targetWords: 100, maxWords: 150 };

/** A rest shorter than this share of the target joins the passage before it, if that stays within the maximum. */
const SMALL_REST = 0.3;

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });
const PARAGRAPH_BREAK = /\n[^\S\n]*\n\s*/;
// The segmenter's time grows with the length of what it is given at once; a "paragraph" of megabytes is cut first.
const MAX_SEGMENTER_INPUT = 20_000;

/** White-space separated words. Text without blanks, as Chinese, counts four characters as a word. */
export function countWords(text: string): number {
  let words = 0;
  for (const [word] of text.matchAll(/\S+/g)) words += word.length > 40 ? Math.ceil(word.length / 4) : 1;
  return words;
}

function* slices(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + MAX_SEGMENTER_INPUT, text.length);
    const blank = end < text.length ? text.lastIndexOf(' ', end) : -1;
    if (blank > start) end = blank + 1;
    else if (isHighSurrogate(text, end - 1) && end < text.length) end--;
    yield text.slice(start, end);
    start = end;
  }
}

const isHighSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xd800;

function* splitLongWord(word: string, maxLength: number): Generator<string> {
  for (let start = 0; start < word.length;) {
    let end = Math.min(start + maxLength, word.length);
    if (end < word.length && isHighSurrogate(word, end - 1)) end--;
    yield word.slice(start, end);
    start = end;
  }
}

/** Pieces of at most `maxWords`, from sentences where they are short enough. */
function* sentencePieces(text: string, { maxWords }: ChunkOptions): Generator<string> {
  for (const paragraph of text.split(PARAGRAPH_BREAK)) {
    for (const slice of slices(paragraph)) {
      for (const { segment } of sentences.segment(slice)) {
        const sentence = segment.trim();
        if (sentence === '') continue;
        if (countWords(sentence) <= maxWords) yield sentence;
        else yield* wordPieces(sentence, maxWords);
      }
    }
  }
}

function* wordPieces(sentence: string, maxWords: number): Generator<string> {
  let piece: string[] = [];
  let size = 0;
  for (const [word] of sentence.matchAll(/\S+/g)) {
    for (const part of splitLongWord(word, maxWords * 4)) {
      const words = countWords(part);
      if (size + words > maxWords && piece.length > 0) {
        yield piece.join(' ');
        piece = [];
        size = 0;
      }
      piece.push(part);
      size += words;
    }
  }
  if (piece.length > 0) yield piece.join(' ');
}

/** Passages in order; together they hold every word of the text once. */
export function chunkText(text: string, options: ChunkOptions = DEFAULT_CHUNKS): string[] {
  const { targetWords, maxWords } = options;
  const chunks: { text: string; words: number }[] = [];
  let current: string[] = [];
  let words = 0;
  const flush = (): void => {
    if (current.length > 0) chunks.push({ text: current.join(' '), words });
    current = [];
    words = 0;
  };
  for (const piece of sentencePieces(text, options)) {
    const more = countWords(piece);
    // Whichever end lies nearer to the target.
    const overshoot = words + more - targetWords;
    if (words > 0 && (words + more > maxWords || overshoot > targetWords - words)) flush();
    current.push(piece.replace(/\s+/g, ' '));
    words += more;
    if (words >= targetWords) flush();
  }
  flush();
  const last = chunks.at(-1);
  const before = chunks.at(-2);
  if (last && before && last.words < targetWords * SMALL_REST && before.words + last.words <= maxWords) {
    chunks.splice(-2, 2, { text: `${before.text} ${last.text}`, words: before.words + last.words });
  }
  return chunks.map((chunk) => chunk.text);
}

const LIMITS = { words: [10, 2_000], sentences: [1, 100] } as const;
/** A passage may be this much longer than what it should come to, where a sentence ends there. */
const SLACK = 1.5;

/** Throws `BAD_INPUT` for a way of cutting that cannot be. */
export function requireChunking(chunking: Chunking): void {
  const within = (value: number, [low, high]: readonly [number, number]): boolean =>
    Number.isInteger(value) && value >= low && value <= high;
  const sound =
    chunking.by === 'sentences'
      ? within(chunking.sentences, LIMITS.sentences) && within(chunking.overlap, [0, chunking.sentences - 1])
      : within(chunking.words, LIMITS.words);
  if (sound) return;
  throw new AppError('BAD_INPUT', 'Texts cannot be cut in this way.', {
    fix: 'Choose 10 to 2,000 words a passage, or 1 to 100 sentences with an overlap of fewer.',
  });
}

/** The passages of one section, in order; together they hold every word, and windows of sentences some twice. */
export function cutText(text: string, chunking: Chunking): string[] {
  if (chunking.by === 'sentences') return windows(text, chunking);
  const { by, words } = chunking;
  if (by === 'words') return [...wordPieces(text, words)];
  const sized = { targetWords: words, maxWords: Math.round(words * SLACK) };
  if (by === 'passage') return chunkText(text, sized);
  const whole = text.replace(/\s+/g, ' ').trim();
  if (whole === '') return [];
  return countWords(whole) <= words ? [whole] : chunkText(text, sized);
}

function windows(
  text: string,
  { sentences: size, overlap }: Extract<Chunking, { by: 'sentences' }>,
): string[] {
  const pieces = [...sentencePieces(text, DEFAULT_CHUNKS)].map((piece) => piece.replace(/\s+/g, ' '));
  const found: string[] = [];
  for (let start = 0; start < pieces.length; start += size - overlap) {
    found.push(pieces.slice(start, start + size).join(' '));
    if (start + size >= pieces.length) break;
  }
  return found;
}
