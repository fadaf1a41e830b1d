import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildContext } from './context';
import { ANCHOR } from './prompts';
import { parseDocuments, parseTranscript } from './transcript';

const titles = (block: string): [number, string, string][] =>
  parseDocuments(block).map((d) => [d.number, d.title, d.text]);

describe('the documents of a block', () => {
  it('are read in both forms of the header', () => {
    expect(titles('Doc 1 (Title: A) one\nDoc 2(Title: B) two')).toEqual([
      [1, 'A', 'one'],
      [2, 'B', 'two'],
    ]);
  });

  it('keep titles with parentheses, which the original breaks', () => {
    expect(titles('Doc 1(Title: "Ao Oni (film)") A film.\nDoc 2(Title: Ao Oni (film)) A film.')).toEqual([
      [1, 'Ao Oni (film)', 'A film.'],
      [2, 'Ao Oni (film)', 'A film.'],
    ]);
  });

  it('keep documents with quotes in the title or without one, which the original drops', () => {
    expect(titles('Doc 1(Title: "The "Best" of") text\nDoc 2(Title: ) text')).toEqual([
      [1, 'The "Best" of', 'text'],
      [2, '', 'text'],
    ]);
  });

  it('end a quoted title at its quote, whatever parentheses it holds', () => {
    expect(titles('Doc 1(Title: "Smile :) (song") text')).toEqual([[1, 'Smile :) (song', 'text']]);
  });

  it('may have texts of several lines', () => {
    expect(titles('Doc 1(Title: A) one\ntwo\nDoc 2(Title: B) three')).toEqual([
      [1, 'A', 'one\ntwo'],
      [2, 'B', 'three'],
    ]);
  });

  it('begin only at the start of a line', () => {
    expect(titles('Doc 1(Title: A) see Doc 2(Title: B) there')).toEqual([
      [1, 'A', 'see Doc 2(Title: B) there'],
    ]);
  });

  it('are none in an error block', () => {
    expect(parseDocuments('Error')).toEqual([]);
  });
});

describe('a transcript', () => {
  const prompt = `Instructions with <information>an example</information> <important_info>[1]</important_info>\n${ANCHOR}\n`;
  const block = (name: string, count: number): string =>
    `<information>${Array.from({ length: count }, (_, i) => `Doc ${i + 1}(Title: ${name}${i + 1}) text ${name}${i + 1}\n`).join('')}</information>`;
  const context = (text: string, variant?: 's3' | 'mirage'): string[] =>
    buildContext(parseTranscript(prompt + text, variant), variant).map((d) => d.title);

  it('begins after the anchor, so that the example of the prompt is not read', () => {
    expect(context(block('a', 2))).toEqual(['a1', 'a2']);
  });

  it('binds a tag to the block immediately before it, and the first tag only', () => {
    const text = `${block('a', 3)}<query>b</query>${block('b', 4)}<important_info>[2]</important_info><important_info>[1]</important_info>`;
    expect(context(text)).toEqual(['b2', 'a1', 'a2', 'a3']);
  });

  it('reads ids 1 to 8, in the MIRAGE variant to 19', () => {
    const text = `${block('a', 1)}${block('b', 12)}<important_info>[8, 9, 12]</important_info>`;
    expect(context(text)).toEqual(['b8', 'a1']);
    expect(context(text, 'mirage')).toEqual(['a1', 'b8', 'b9', 'b12']);
  });

  it('ends a block whose closing tag was cut off where the searcher’s words begin', () => {
    const text = `<information>Doc 1(Title: a1) cut of<important_info>[1]</important_info><query>b</query>${block('b', 2)}`;
    expect(context(text)).toEqual(['a1', 'b1', 'b2']);
  });

  it('begins after the options where the anchor was cut off', () => {
    const text = `tail of the prompt <information>Doc 1(Title: x) y</information>\nOptions:\nA: one\n${block('a', 1)}`;
    expect(parseTranscript(text).flatMap((w) => w.documents.map((d) => d.title))).toEqual(['a1']);
  });

  it('is read without an error whatever it holds, and selects only what it shows', () => {
    const part = fc.constantFrom('<information>', '</information>', '<important_info>', '</important_info>', '[1, 2, 99]',
      'Doc 1(Title: "', 'Doc 1(Title: A) x', '\n', ')', '"', ANCHOR, 'Options:', '<query>'); // prettier-ignore
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 5, arbitrary: part }, fc.string({ maxLength: 5 })), { maxLength: 25 }),
        (parts) => {
          for (const variant of ['s3', 'mirage'] as const) {
            for (const { documents, selection = [] } of parseTranscript(parts.join(''), variant)) {
              const shown = documents.map((d) => d.number);
              expect(selection.every((number) => shown.includes(number))).toBe(true);
            }
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
