import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyze, STOP_WORDS, tokenize } from './analyzer';

const words = (text: string): string[] => [...tokenize(text)];

describe('the tokenizer', () => {
  it.each([
    ["can't stop, won't", ["can't", 'stop', "won't"]],
    ['3.14 and 1,000 but 1,a', ['3.14', 'and', '1,000', 'but', '1', 'a']],
    ['a:b U.S.A. e.g.', ['a:b', 'U.S.A', 'e.g']],
    ['snake_case _x 5_a', ['snake_case', '_x', '5_a']],
    ['well-known state/of (the) art', ['well', 'known', 'state', 'of', 'the', 'art']],
    ['me@example.org http://a.b/c', ['me', 'example.org', 'http', 'a.b', 'c']],
    ['___ --- ...', []],
    ["'quoted' dogs'", ['quoted', 'dogs']],
  ])('follows the word rules of UAX #29 in %j', (text, expected) => {
    expect(words(text)).toEqual(expected);
  });

  it('joins over a colon between letters beyond ASCII, as Lucene and unlike ICU', () => {
    expect(words('é:è café:')).toEqual(['é:è', 'café']);
  });

  it('gives ideographs and hiragana one by one, katakana and hangul in runs', () => {
    expect(words('東京タワー')).toEqual(['東', '京', 'タワー']);
    expect(words('ひら')).toEqual(['ひ', 'ら']);
    expect(words('한국어 말')).toEqual(['한국어', '말']);
  });

  it('keeps a run of Thai whole', () => {
    expect(words('สวัสดีครับ')).toEqual(['สวัสดีครับ']);
  });

  it('cuts tokens of more than 255 units', () => {
    expect(words('x'.repeat(600)).map((word) => word.length)).toEqual([255, 255, 90]);
  });

  it('says the same of ASCII text as Intl.Segmenter, colons aside', () => {
    const segmenter = new Intl.Segmenter('en', { granularity: 'word' });
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aZ09_.,;\'-/ \n"') }), (text) => {
        const expected = [...segmenter.segment(text)]
          .filter(({ segment }) => /[a-z0-9]/i.test(segment))
          .map(({ segment }) => segment);
        expect(words(text)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the analysis', () => {
  it('removes the possessive, the case, stop words and the suffix', () => {
    expect(analyze("The Garbage Warrior’s houses are NOT the king's")).toEqual([
      'garbag',
      'warrior',
      'hous',
      'king',
    ]);
  });

  it('lowers one code point at a time as Java does', () => {
    expect(analyze('ΟΔΟΣ İZMİR')).toEqual(['οδοσ', 'izmir']);
  });

  it('knows the 33 stop words of Lucene', () => {
    expect(STOP_WORDS.size).toBe(33);
    expect(analyze('and or but')).toEqual([]);
  });

  it('never throws and never yields an empty term', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        for (const term of analyze(text)) expect(term).not.toBe('');
      }),
      { numRuns: 2000 },
    );
  });
});
