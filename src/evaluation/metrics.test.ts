import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactMatch, f1Score, normaliseAnswer, scoreAnswer, spanCheck } from './metrics';

describe('normalisation', () => {
  it.each([
    ['The Eiffel Tower!', 'eiffel tower'],
    ['  a  b\tthe\nc ', 'b c'],
    ['U.S.A.', 'usa'],
    ['rock-n-roll', 'rocknroll'],
    ['theatre another An', 'theatre another'],
    ['«Élan» – naïve', '«élan» – naïve'],
    ['éa', 'éa'],
    ['l’a priori', 'l’ priori'],
    ['x\u00a0y', 'x y'],
    ['!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', ''],
    ['a_b', 'ab'],
    // By a reading of `normalize_answer` of SQuAD's evaluate-v1.1.py in Python, run on these.
    ['\ufeffParis', '\ufeffparis'],
    ['\x1cthe\x1dCat\x85', 'cat'],
    ['ａ b', 'ａ b'],
    ['A\u0301n a\u0301 b', '\u0301n \u0301 b'],
    ['½ a a1 a² a', '½ a1 a²'],
    ['İstanbul ΣΑΣ', 'i̇stanbul σας'],
    ['a\u200bn', '\u200bn'],
    ["can't, $1,000.50", 'cant 100050'],
    ['“the” quote', '“ ” quote'],
    ['東京 a 塔 the\u3000end', '東京 塔 end'],
    ['The A. an', ''],
  ])('of %j is %j', (text, expected) => {
    expect(normaliseAnswer(text)).toBe(expected);
  });
});

describe('exact match', () => {
  it('is 1 when any gold answer is equal after normalisation', () => {
    expect(exactMatch('The Louvre.', ['Prado', 'louvre'])).toBe(1);
    expect(exactMatch('the Louvre in Paris', ['louvre'])).toBe(0);
    expect(exactMatch('x', [])).toBe(0);
    expect(exactMatch('1,000', ['1000'])).toBe(1);
    expect(exactMatch('The', ['a'])).toBe(1);
    expect(exactMatch('caf\u00e9', ['cafe\u0301'])).toBe(0); // SQuAD's script does not compose letters.
  });
});

describe('token F1', () => {
  it.each([
    ['the cat sat', ['cat sat down'], 0.8],
    ['b b c', ['b c c'], 2 / 3],
    ['x', ['y'], 0],
    ['Paris, France', ['London', 'Paris'], 2 / 3],
    ['', [''], 1],
    ['the', ['x'], 0],
    ['x', [], 0],
    // Common as bags are be, be and to: P = 3/6, R = 3/3.
    ['to be or not to be', ['be to be'], 2 / 3],
    ['the cat', ['cat the the'], 1],
    ['', ['the'], 1], // Neither has a word left: equal, as in SQuAD 2.0's compute_f1.
    ['', ['x'], 0],
    ['New York City', ['Boston', 'York', 'New York'], 0.8],
  ])('of %j against %j', (prediction, golds, expected) => {
    expect(f1Score(prediction, golds)).toBeCloseTo(expected, 12);
  });

  it('is symmetric, at most 1, and 1 for an exact match', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(f1Score(a, [b])).toBeCloseTo(f1Score(b, [a]), 12);
        expect(f1Score(a, [b])).toBeLessThanOrEqual(1);
        if (exactMatch(a, [b]) === 1) expect(f1Score(a, [b])).toBe(1);
      }),
    );
  });
});

describe('the span check', () => {
  it.each([
    ['It is the Eiffel Tower, in Paris.', ['eiffel tower'], true],
    ['Eiffel built the tower', ['eiffel tower'], false],
    ['parish', ['Paris'], false],
    ['He was born in 1984', ['1984'], true],
    ['caf\u00e9', ['cafe\u0301'], true],
    ['café', ['cafe'], false],
    ['The answer is in the US', ['U.S.'], true],
    ['¥100', ['100'], true],
    ['100', ['¥100'], false],
    ['x', [], false],
    ['x', ['y', 'x'], true],
    // DPR's SimpleTokenizer: every symbol is a token of its own, marks belong to their word, control characters are none.
    ['the war of 1914–1918.', ['1914–1918'], true],
    ['the war of 1914–1918.', ['1914'], true],
    ['the war of 1914 – 1918.', ['1914–1918'], true],
    ['the war of 1914 to 1918', ['1914–1918'], false],
    ['in Sa\u0303o Paulo', ['S\u00e3o Paulo'], true],
    ['in Sao Paulo', ['São Paulo'], false],
    ['SÃO PAULO', ['são paulo'], true],
    ['Paulo São', ['São Paulo'], false],
    ['St. Louis', ['St Louis'], true],
    ['Saint New Louis', ['Saint Louis'], false],
    ['a b a b c', ['a b c'], true], // a false start first
    ['New York York City', ['new york city', 'york york'], true],
    ['Göteborg', ['Go\u0308teborg'], true],
    ['Ångström', ['A\u030angstro\u0308m'], false], // To Python's \b the bare A is an article; so it is in s3.
    ['zero\u200bwidth', ['zero width'], true],
    ['東京タワー', ['東京'], false],
  ])('of %j for %j is %s', (prediction, golds, expected) => {
    expect(spanCheck(prediction, golds)).toBe(expected);
  });

  it('looks a gold answer up as it stands when nothing of it is left after normalisation', () => {
    expect(spanCheck('vitamin A', ['A'])).toBe(true);
    expect(spanCheck('vitamin C', ['A'])).toBe(false);
    expect(spanCheck('anything', [''])).toBe(false);
  });

  it('holds wherever exact match does, unless both are empty', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        if (exactMatch(a, [b]) === 1 && /[\p{L}\p{N}]/u.test(normaliseAnswer(b)))
          expect(spanCheck(a, [b])).toBe(true);
      }),
    );
  });
});

it('scores an answer by all three', () => {
  expect(scoreAnswer('in Paris', ['Paris'])).toEqual({ em: 0, f1: 2 / 3, accuracy: 1 });
});
