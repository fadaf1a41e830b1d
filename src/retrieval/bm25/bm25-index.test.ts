import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { analyze } from './analyzer';
import { decodeBm25, encodeBm25 } from './bm25-file';
import { Bm25Builder, type Bm25Index } from './bm25-index';
import { buildBm25, Bm25Retriever } from './bm25-retriever';
import { decodeLength, encodeLength } from './length-code';

const indexOf = (texts: readonly string[]): Bm25Index => {
  const builder = new Bm25Builder();
  for (const text of texts) builder.add(text);
  return builder.build();
};

/** The formula, straight and in 64 bits. */
function reference(texts: readonly string[], query: string): number[] {
  const documents = texts.map(analyze);
  const used = documents.filter((terms) => terms.length > 0);
  const average = used.reduce((sum, terms) => sum + terms.length, 0) / Math.max(used.length, 1);
  return documents.map((terms) => {
    let score = 0;
    for (const term of analyze(query)) {
      const df = used.filter((other) => other.includes(term)).length;
      const tf = terms.filter((other) => other === term).length;
      if (tf === 0) continue;
      const idf = Math.log(1 + (used.length - df + 0.5) / (df + 0.5));
      const length = decodeLength(encodeLength(terms.length));
      score += (idf * tf) / (tf + 0.9 * (1 - 0.4 + (0.4 * length) / average));
    }
    return score;
  });
}

const word = fc.constantFrom('river', 'rivers', 'guild', 'the', 'ship', 'ships', 'town', 'Zug', 'ö', '東京');
const text = fc.array(word, { maxLength: 60 }).map((parts) => parts.join(' '));

describe('the length code', () => {
  it('is exact up to 40 and loses at most an eighth above', () => {
    for (let length = 0; length <= 40; length++) expect(decodeLength(encodeLength(length))).toBe(length);
    expect([41, 42, 56, 1000, 100_000].map((n) => decodeLength(encodeLength(n)))).toEqual([
      40, 42, 56, 984, 98_328,
    ]);
  });

  it('gives every byte its own length, in order', () => {
    for (let code = 0; code < 255; code++) {
      expect(encodeLength(decodeLength(code))).toBe(code);
      expect(decodeLength(code + 1)).toBeGreaterThan(decodeLength(code));
    }
  });
});

describe('BM25', () => {
  it('scores as the formula says', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), text, (texts, query) => {
        const { rows, scores } = indexOf(texts).search(query, texts.length);
        const expected = reference(texts, query);
        expect(rows.length).toBe(expected.filter((score) => score > 0).length);
        rows.forEach((row, i) => expect(scores[i]).toBeCloseTo(expected[row] ?? NaN, 5));
      }),
      { numRuns: 300 },
    );
  });

  it('puts the earlier of two equal documents first', () => {
    const { rows, scores } = indexOf(['a ship', 'the river', 'the ship', 'ship']).search('ships', 3);
    expect([...rows]).toEqual([0, 2, 3]);
    expect(new Set(scores).size).toBe(1);
  });

  it('counts a word that the query repeats twice', () => {
    const index = indexOf(['ship', 'river river', 'town']);
    const once = index.search('ship', 1).scores[0] ?? 0;
    expect(index.search('ship ships', 1).scores[0]).toBeCloseTo(2 * once, 5);
  });

  it('finds nothing for unknown words, stop words and an empty corpus', () => {
    expect(indexOf(['ship']).search('zeppelin the', 5).rows).toHaveLength(0);
    expect(indexOf([]).search('ship', 5).rows).toHaveLength(0);
    expect(indexOf(['', 'the']).search('the', 5).rows).toHaveLength(0);
  });

  it('leaves nothing of one query behind for the next', () => {
    const index = indexOf(['ship town', 'river ship', 'guild']);
    const first = index.search('ship', 1);
    index.search('river guild town', 3);
    expect(index.search('ship', 1)).toEqual(first);
  });
});

describe('a stored BM25 index', () => {
  it('gives the same results after reading back', async () => {
    const index = indexOf(['The river Aar', 'A guild of ships', '東京 tower', '']);
    const again = await decodeBm25(await encodeBm25(index));
    for (const query of ['rivers', 'guild ship', '東', 'none']) {
      expect(again.search(query, 4)).toEqual(index.search(query, 4));
    }
    expect((await decodeBm25(await encodeBm25(indexOf([])))).search('x', 1).rows).toHaveLength(0);
  });

  it('is refused when any byte of it is altered or missing', async () => {
    const bytes = await encodeBm25(indexOf(['The river Aar', 'A guild of ships']));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const altered = bytes.slice();
        altered[at] = (altered[at] ?? 0) ^ change;
        const outcome = await decodeBm25(altered).then(
          (index) => [...index.search('river', 1).rows],
          (error: unknown) => error,
        );
        // A blank of the header's padding may turn into another; all else must be noticed or be harmless.
        if (Array.isArray(outcome)) expect(outcome).toEqual([0]);
        else expect(outcome).toBeInstanceOf(AppError);
        await expect(decodeBm25(bytes.slice(0, at))).rejects.toThrow(AppError);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the BM25 retriever', () => {
  const passages = [
    { id: 'p1', title: 'Aar', text: 'A river.' },
    { id: 'p2', title: 'Zug', text: 'A town on a lake.' },
  ];

  it('returns passages with ranks, one list per query', async () => {
    const retriever = new Bm25Retriever(await buildBm25(passages), passages);
    const [first, second] = await retriever.search(['town lake', 'Aar'], 5);
    expect(first?.map(({ passage, rank }) => [passage.id, rank])).toEqual([['p2', 1]]);
    expect(second?.[0]?.passage.title).toBe('Aar');
  });

  it('stops when told to', async () => {
    const retriever = new Bm25Retriever(await buildBm25(passages), passages);
    await expect(retriever.search(['town'], 5, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await expect(buildBm25(passages, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('refuses to search for no results', async () => {
    const retriever = new Bm25Retriever(await buildBm25(passages), passages);
    await expect(retriever.search(['town'], 0)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
