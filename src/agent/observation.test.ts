import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ShownDocument } from '../protocol/trace';
import {
  ERROR_OBSERVATION,
  fitDocuments,
  initialResults,
  INVALID_OBSERVATION,
  searchObservation,
  shownDocuments,
} from './observation';
import { characterTokens, passage } from './testing/scripted';

const shown = (...texts: string[]): ShownDocument[] =>
  shownDocuments(
    texts.map((text, i) => ({ passage: passage(`p${i + 1}`, text, `T${i + 1}`), score: 0.5, rank: i + 1 })),
  );

const tokensOf = async (text: string): Promise<number> => (await characterTokens([text]))[0] ?? 0;
const fit = (documents: readonly ShownDocument[], limit: number): Promise<ShownDocument[]> =>
  fitDocuments(documents, searchObservation, limit, characterTokens);

describe('an observation', () => {
  it('is the results in an information block, with blank lines around and no blank before the parenthesis', () => {
    expect(searchObservation(shown('one', 'two'))).toBe(
      '\n\n<information>Doc 1(Title: T1) one\nDoc 2(Title: T2) two</information>\n\n',
    );
  });

  it('writes initial results with a blank before the parenthesis', () => {
    expect(initialResults(shown('one', 'two'))).toBe('Doc 1 (Title: T1) one\nDoc 2 (Title: T2) two\n');
  });

  it('is an empty block where nothing was found', () => {
    expect(searchObservation([])).toBe('\n\n<information></information>\n\n');
  });

  it('says Error where the retriever failed', () => {
    expect(ERROR_OBSERVATION).toBe('\n\n<information>Error</information>\n\n');
  });

  it('after an invalid action ends in an opened query tag', () => {
    expect(INVALID_OBSERVATION.startsWith('\n\n')).toBe(true);
    expect(INVALID_OBSERVATION.endsWith(':\n<query>\n')).toBe(true);
    expect(INVALID_OBSERVATION).not.toContain('<information>');
  });

  it('puts a title on one line and cuts an endless one', () => {
    const [document] = shown('text');
    if (!document) throw new Error('no document');
    const text = initialResults([{ ...document, title: `a\nDoc 2(Title: b) ${'x'.repeat(1000)}` }]);
    expect(text.split('\n')).toHaveLength(2);
    expect(text.length).toBeLessThan(400);
  });
});

describe('the token limit of an observation', () => {
  const words = (n: number): string => Array.from({ length: n }, (_, i) => `word${i}`).join(' ');

  it('changes nothing that fits', async () => {
    const documents = shown(words(10), words(10));
    expect(await fit(documents, 1400)).toEqual(documents);
  });

  it('cuts whole words of the last document and keeps the closing tag', async () => {
    const documents = shown(words(50), words(50), words(50));
    const kept = await fit(documents, 200);
    const text = searchObservation(kept);
    expect(text.endsWith('</information>\n\n')).toBe(true);
    expect(await tokensOf(text)).toBeLessThanOrEqual(200);
    const last = kept.at(-1);
    const length = last?.shownLength ?? 0;
    expect(length).toBeGreaterThan(0);
    expect(last?.text).toBe(words(50));
    expect(words(50).slice(length, length + 5)).toBe(' word');
  });

  it('uses the room it has', async () => {
    const text = searchObservation(await fit(shown(words(50), words(50), words(50)), 200));
    expect(await tokensOf(text)).toBeGreaterThan(195);
  });

  it('drops documents that have no room for a word, so that they cannot be selected', async () => {
    const kept = await fit(shown(words(50), words(50), words(50)), 100);
    expect(kept.map((d) => d.number)).toEqual([1]);
  });

  it('keeps an empty block when nothing at all fits', async () => {
    expect(await fit(shown(words(50)), 1)).toEqual([]);
  });

  it('cuts a script without blanks between two characters', async () => {
    const [document] = await fit(shown(`x${'😀'.repeat(500)}`), 50);
    const length = document?.shownLength ?? 0;
    expect(length).toBeGreaterThan(0);
    expect(length % 2).toBe(1);
  });

  it('holds for any documents, with exactly one pair of tags', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 8 }),
        fc.integer({ min: 8, max: 400 }),
        async (texts, limit) => {
          const kept = await fit(shown(...texts), limit);
          const observation = searchObservation(kept);
          expect(await tokensOf(observation)).toBeLessThanOrEqual(limit);
          expect(observation.match(/<information>/g)).toHaveLength(1);
          expect(observation.match(/<\/information>/g)).toHaveLength(1);
          expect(kept.map((d) => d.number)).toEqual(kept.map((_, i) => i + 1));
        },
      ),
      { numRuns: 500 },
    );
  });
});
