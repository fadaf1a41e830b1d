import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNKINGS } from '../../protocol/corpus';
import { chunkText, countWords, cutText, DEFAULT_CHUNKS, requireChunking } from './chunking';

const squeeze = (text: string): string => text.replace(/\s+/g, '');

describe('cutting text into passages', () => {
  it('cuts at sentence ends, near a hundred words', () => {
    const sentence = 'The river flows by the old town and on to the sea. ';
    const chunks = chunkText(sentence.repeat(60));
    expect(chunks.every((chunk) => chunk.endsWith('sea.'))).toBe(true);
    for (const chunk of chunks.slice(0, -1)) {
      expect(countWords(chunk)).toBeGreaterThanOrEqual(80);
      expect(countWords(chunk)).toBeLessThanOrEqual(120);
    }
  });

  it('leaves a short text alone and gives none for nothing', () => {
    expect(chunkText('One sentence.  Two\nsentences.')).toEqual(['One sentence. Two sentences.']);
    expect(chunkText(' \n ')).toEqual([]);
  });

  it('joins a small rest to the passage before it', () => {
    const text = `${'one two three four five six seven eight nine ten. '.repeat(10)}And a short rest.`;
    expect(chunkText(text)).toHaveLength(1);
  });

  it('cuts what has neither sentences nor blanks', () => {
    const chunks = chunkText('x'.repeat(5000));
    expect(chunks.length).toBeGreaterThan(5);
    expect(chunks.join('')).toBe('x'.repeat(5000));
    expect(
      chunkText('word '.repeat(1000)).every((chunk) => countWords(chunk) <= DEFAULT_CHUNKS.maxWords),
    ).toBe(true);
  });

  it('keeps every character that is not blank, in order, and never exceeds the maximum', () => {
    const unit = fc.constantFrom(
      'a',
      'Bc',
      ' ',
      '. ',
      '\n',
      '\n\n',
      '! ',
      '東',
      '\u{1f600}',
      'x'.repeat(700),
      'é',
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 400 }), (parts) => {
        const text = parts.join('');
        const chunks = chunkText(text);
        expect(squeeze(chunks.join(''))).toBe(squeeze(text));
        for (const chunk of chunks) {
          expect(countWords(chunk)).toBeLessThanOrEqual(DEFAULT_CHUNKS.maxWords);
          expect(chunk).not.toMatch(/^\s|\s$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the ways to cut a text', () => {
  const text = Array.from(
    { length: 40 },
    (_, i) => `The sentence number ${i} has exactly nine words here.`,
  ).join(' ');

  it('are by exactly as many words, as wiki-18', () => {
    const passages = cutText(text, { by: 'words', words: 100 });
    expect(passages.map(countWords)).toEqual([100, 100, 100, 60]);
    expect(passages.join(' ')).toBe(text);
  });

  it('are by heading, and within one only where it is long', () => {
    expect(cutText(text, { by: 'heading', words: 400 })).toEqual([text]);
    expect(cutText(text, { by: 'heading', words: 100 })).toHaveLength(4);
  });

  it('are by windows of sentences that overlap', () => {
    const windows = cutText(text, { by: 'sentences', sentences: 5, overlap: 1 });
    expect(windows).toHaveLength(10);
    expect(windows[1]?.startsWith('The sentence number 4 ')).toBe(true);
    expect(windows.at(-1)?.endsWith('number 39 has exactly nine words here.')).toBe(true);
  });

  it.each(Object.values(CHUNKINGS))('lose no word: %j', (chunking) => {
    const words = (joined: string): Set<string> => new Set(joined.split(' '));
    expect(words(cutText(text, chunking).join(' '))).toEqual(words(text));
    expect(cutText(' \n ', chunking)).toEqual([]);
    expect(() => requireChunking(chunking)).not.toThrow();
  });

  it.each([
    { by: 'words', words: 3 },
    { by: 'passage', words: NaN },
    { by: 'sentences', sentences: 3, overlap: 3 },
  ] as const)('are refused where they cannot be: %j', (chunking) => {
    expect(() => requireChunking(chunking)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});
