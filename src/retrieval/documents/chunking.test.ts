import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkText, countWords, DEFAULT_CHUNKS } from './chunking';

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
