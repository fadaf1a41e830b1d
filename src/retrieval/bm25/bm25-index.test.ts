import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { encodeSections, readSectionHeader } from '../byte-sections';
import { fileInMemory } from '../section-reader';
import { analyze } from './analyzer';
import { loadAnalyzer } from './analyzers';
import { decodeBm25, encodeBm25, loadBm25 } from './bm25-file';
import { Bm25Builder } from './bm25-builder';
import { joinStatistics, type Bm25Index } from './bm25-index';
import { buildBm25, Bm25Retriever } from './bm25-retriever';
import { decodeLength, encodeLength } from './length-code';
import { PostingLists, type PlainPostings } from './posting-lists';
import { rebuildBm25 } from './rebuild';

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

function plainOf(lists: PostingLists): PlainPostings {
  const [rows, frequencies]: [number[], number[]] = [[], []];
  const offsets = [0];
  for (let list = 0; list < lists.lengths.length; list++) {
    for (const cursor = lists.open(list); cursor.next();) {
      rows.push(cursor.row);
      frequencies.push(cursor.frequency);
    }
    offsets.push(rows.length);
  }
  return {
    offsets: Uint32Array.from(offsets),
    rows: Uint32Array.from(rows),
    frequencies: Uint16Array.from(frequencies),
  };
}

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

describe('k1 and b', () => {
  it('are those that were asked for, and can be changed without a new index', () => {
    const texts = ['ship ship ship town', 'ship', 'ship river river river river river'];
    const builder = new Bm25Builder({ parameters: { k1: 0, b: 0 } });
    for (const text of texts) builder.add(text);
    // Without saturation and length every document with the word scores alike.
    expect(new Set(builder.build().search('ship', 3).scores).size).toBe(1);
    const changed = indexOf(texts).with({ k1: 0, b: 0 });
    expect(changed.search('ship', 3)).toEqual(builder.build().search('ship', 3));
    expect([...indexOf(texts).with({ k1: 1.2, b: 0.75 }).search('ship', 3).rows]).toEqual([0, 1, 2]);
  });

  it.each([{ k1: -1 }, { b: 1.5 }, { k1: NaN }])('are refused where they make no sense: %j', (parameters) => {
    expect(() => indexOf(['ship']).with(parameters)).toThrow(AppError);
  });
});

describe('several indexes searched as one', () => {
  it('score every document as one index of all would', () => {
    const texts = fc.array(text, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(texts, texts, text, (first, second, query) => {
        const parts = [indexOf(first), indexOf(second)];
        const statistics = joinStatistics(parts);
        const merged = parts.flatMap((part, p) => {
          const { rows, scores } = part.search(query, 20, statistics);
          return [...rows].map((row, i) => ({ row: p === 0 ? row : first.length + row, score: scores[i] }));
        });
        merged.sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.row - b.row);
        const whole = indexOf([...first, ...second]).search(query, 20);
        expect(merged).toEqual([...whole.rows].map((row, i) => ({ row, score: whole.scores[i] })));
      }),
      { numRuns: 200 },
    );
  });
});

describe('an index after changes', () => {
  it('is that of the documents it then has, wherever they were put, deleted and added', () => {
    const texts = fc.array(text, { maxLength: 8 });
    const source = fc.oneof(fc.nat(7), text);
    fc.assert(
      fc.property(
        texts,
        fc.array(source, { maxLength: 10 }),
        fc.array(text, { maxLength: 4 }),
        (old, wanted, queries) => {
          const rows = wanted.filter((one) => typeof one === 'string' || one < old.length);
          const changed = rebuildBm25(indexOf(old), rows);
          const fresh = indexOf(rows.map((one) => (typeof one === 'string' ? one : (old[one] ?? ''))));
          expect(changed.data.totalLength).toBe(fresh.data.totalLength);
          expect(changed.data.lengths).toEqual(fresh.data.lengths);
          expect(new Set(changed.data.terms)).toEqual(new Set(fresh.data.terms));
          for (const query of queries) expect(changed.search(query, 9)).toEqual(fresh.search(query, 9));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a stored BM25 index', () => {
  it('has postings of any gaps and counts', () => {
    const list = fc.uniqueArray(fc.tuple(fc.nat(2 ** 31 - 2), fc.integer({ min: 1, max: 65_535 })), {
      selector: ([row]) => row,
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.array(list, { maxLength: 6 }), (lists) => {
        for (const one of lists) one.sort(([a], [b]) => a - b);
        let total = 0;
        const plain = {
          offsets: Uint32Array.from([0, ...lists.map((one) => (total += one.length))]),
          rows: Uint32Array.from(lists.flat(), ([row]) => row),
          frequencies: Uint16Array.from(lists.flat(), ([, frequency]) => frequency),
        };
        const coded = PostingLists.of(plain);
        expect(PostingLists.decode(coded.encode(), lists.length, 2 ** 31 - 1)).toEqual(coded);
        expect(plainOf(coded)).toEqual(plain);
      }),
    );
  });

  it('takes no memory for postings that it does not have, whatever it says', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(8), (table, postings, terms) => {
        try {
          const coded = { table: new Uint8Array(table), postings: new Uint8Array(postings) };
          const { rows } = plainOf(PostingLists.decode(coded, terms, 100));
          expect(rows.every((row) => row < 100)).toBe(true);
          expect(rows.length).toBeLessThanOrEqual(postings.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is read in the form of earlier versions, too', async () => {
    const index = indexOf(['The river Aar', 'A guild of ships', 'ships and ships']);
    const { data } = index;
    const meta = { analyzer: 'lucene-english/1', ...data.parameters, totalLength: data.totalLength };
    const old = await encodeSections('bm25', 1, meta, [
      ['terms', new TextEncoder().encode(data.terms.join('\n'))],
      ...Object.entries(plainOf(data.postings)),
      ['lengths', data.lengths],
    ]);
    expect((await decodeBm25(old)).search('ships', 4)).toEqual(index.search('ships', 4));
  });

  it('keeps its analyzer and its parameters', async () => {
    const builder = new Bm25Builder({
      parameters: { k1: 1.2, b: 0.75 },
      analyzer: await loadAnalyzer('swedish'),
    });
    builder.add('jaktkarlarne');
    const again = await decodeBm25(await encodeBm25(builder.build()));
    expect(again.analyzer.name).toBe('swedish');
    expect(again.data.parameters).toEqual({ k1: 1.2, b: 0.75 });
    expect([...again.search('jaktkarl', 1).rows]).toEqual([0]);
  });

  it('gives the same results after reading back', async () => {
    const index = indexOf(['The river Aar', 'A guild of ships', '東京 tower', '']);
    const again = await decodeBm25(await encodeBm25(index));
    for (const query of ['rivers', 'guild ship', '東', 'none']) {
      expect(again.search(query, 4)).toEqual(index.search(query, 4));
    }
    expect((await decodeBm25(await encodeBm25(indexOf([])))).search('x', 1).rows).toHaveLength(0);
  });

  it('is the same when it comes in pieces, and makes no room for what it only promises', async () => {
    const file = await encodeBm25(indexOf(['The river Aar', 'A guild of ships', '']));
    async function* pieces() {
      await Promise.resolve();
      for (let at = 0; at < file.length; at += 37) yield file.slice(at, at + 37);
    }
    const loaded = await loadBm25({ bytes: file.length, pieces });
    expect(loaded.data).toEqual((await decodeBm25(file)).data);
    // A header that says of a section that it has a terabyte.
    const { start, ...header } = readSectionHeader(file, 'bm25', 2, file.length);
    const sections = header.sections.map((one) =>
      one.name === 'lengths' ? { ...one, bytes: 2 ** 40 } : one,
    );
    const json = new TextEncoder().encode(
      JSON.stringify({ ...header, format: 'bm25', formatVersion: 2, sections }).padEnd(start - 16),
    );
    const promising = new Uint8Array(16 + json.length + file.length - start);
    promising.set(file.subarray(0, 16));
    new DataView(promising.buffer).setUint32(12, json.length, true);
    promising.set(json, 16);
    promising.set(file.subarray(start), 16 + json.length);
    const lying = { ...fileInMemory(promising), bytes: 2 ** 42 };
    await expect(loadBm25(lying)).rejects.toMatchObject({ code: 'INTEGRITY' });
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
