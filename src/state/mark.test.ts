import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carriesAnswer, citationsOf, markPassage, markTerms, sentencesOf, snippetOf, termsOf } from './mark';

const PASSAGE =
  'Odell Marrin founded the guild in 1702. He was born in Tessaly Ford, the younger of two. It still burns.';

describe('marking a passage', () => {
  it('marks the words of the query and leaves common words alone', () => {
    const marked = markTerms(PASSAGE, termsOf('Where was the founder Odell Marrin born?'))
      .filter((piece) => piece.marked)
      .map((piece) => piece.text);
    expect(marked).toEqual(['Odell', 'Marrin', 'born']);
  });

  it('matches whatever the case, accents and plural', () => {
    const marked = markTerms('The Rivers of Évora', termsOf('river evora')).filter((p) => p.marked);
    expect(marked.map((p) => p.text)).toEqual(['Rivers', 'Évora']);
  });

  it('loses no character of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, query) => {
        expect(
          markPassage(text, query)
            .flatMap((s) => s.pieces.map((p) => p.text))
            .join(''),
        ).toBe(text);
      }),
    );
  });

  it('underlines only the sentence that carries the answer', () => {
    const carrying = markPassage(PASSAGE, 'born', 'tessaly ford').filter((s) => s.carries);
    expect(carrying).toHaveLength(1);
    expect(carrying[0]?.pieces.map((p) => p.text).join('')).toContain('Tessaly Ford');
  });

  it('does not take a part of a word for the answer', () => {
    expect(carriesAnswer('She sailed on the Corvanne.', 'Corv')).toBe(false);
    expect(carriesAnswer('She sailed on the Corvanne.', 'corvanne')).toBe(true);
  });

  it('underlines nothing for an answer that stands everywhere', () => {
    expect(markPassage('Yes, both of them.', 'q', 'yes').some((s) => s.carries)).toBe(false);
  });

  it('splits sentences at full stops but not inside numbers', () => {
    expect(sentencesOf('It is 3.5 km long. It floods.')).toEqual(['It is 3.5 km long. ', 'It floods.']);
  });
});

describe('a snippet', () => {
  it('starts where the answer is said', () => {
    expect(snippetOf(PASSAGE, 'guild', 'Tessaly Ford', 40)).toMatch(/^…He was born in Tessaly Ford/);
  });
  it('is the whole of a short text', () => {
    expect(snippetOf('It floods.', 'x')).toBe('It floods.');
  });
});

describe('citations', () => {
  const context = [
    { passageId: 'a', text: PASSAGE },
    { passageId: 'b', text: 'Nothing here.' },
    { passageId: 'c', text: 'Tessaly Ford is a town.' },
  ];
  it('are the documents that say the answer', () => {
    expect(citationsOf('Tessaly Ford', context)).toEqual([0, 2]);
  });
  it('are those the generator names, when it does, within what it was shown', () => {
    expect(citationsOf('It is the ford [2][9].', context)).toEqual([1]);
  });
  it('are none where the answer proves nothing', () => {
    expect(citationsOf('', context)).toEqual([]);
  });
});
