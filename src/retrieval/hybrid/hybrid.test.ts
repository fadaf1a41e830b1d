import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_HYBRID, type Hit, type Passage } from '../../protocol/retrieval';
import type { RowRetriever } from '../hits';
import type { TopK } from '../top-k';
import { combineVectors, fuseCorpora, JoinedPassages } from './combined-corpora';
import { fusedRetriever, fuseRows, HybridRetriever } from './hybrid-retriever';
import { fuseRankings } from './reciprocal-rank';

const ranked = (...rows: number[]): TopK => ({
  rows: Uint32Array.from(rows),
  scores: Float64Array.from(rows, (_, i) => 1 / (i + 1)),
});
const passage = (row: number): Passage => ({ id: `p${row}`, title: '', text: `text ${row}` });
const passages = { length: 50, at: (row: number) => passage(row) };

/** Answers with rows that were set, and notes how deep it was asked to look. */
function scripted(rows: number[]): RowRetriever & { depths: number[] } {
  const depths: number[] = [];
  return {
    depths,
    searchRows(queries, topK) {
      depths.push(topK);
      return Promise.resolve(queries.map(() => ranked(...rows.slice(0, topK))));
    },
    search(queries, topK) {
      const hits = rows
        .slice(0, topK)
        .map((row, i): Hit => ({ passage: passage(row), score: 9, rank: i + 1 }));
      return Promise.resolve(queries.map(() => hits));
    },
  };
}

describe('reciprocal rank fusion', () => {
  it('scores by the sum of weight / (k + rank)', () => {
    const fused = fuseRankings([
      { keys: ['a', 'b', 'c'], weight: 1 },
      { keys: ['c', 'd'], weight: 0.5 },
    ]);
    expect(fused.map(({ key }) => key)).toEqual(['c', 'a', 'b', 'd']);
    expect(fused[0]?.score).toBeCloseTo(1 / 63 + 0.5 / 61, 15);
    expect(fused[3]?.score).toBeCloseTo(0.5 / 62, 15);
  });

  it('gives ties to the lower row', () => {
    expect([...fuseRows(ranked(9, 4), ranked(2, 7), 4).rows]).toEqual([2, 9, 4, 7]);
  });

  it('is the ranking of its one part where the other has no weight', () => {
    const rows = fc.uniqueArray(fc.nat(49), { maxLength: 20 });
    fc.assert(
      fc.property(rows, rows, (dense, bm25) => {
        const fused = fuseRows(ranked(...dense), ranked(...bm25), 50, { ...DEFAULT_HYBRID, bm25: 0 });
        expect([...fused.rows]).toEqual(dense);
      }),
    );
  });

  it('holds what either ranking holds, once, best first, and follows the order of both where they agree', () => {
    const rows = fc.uniqueArray(fc.nat(30), { maxLength: 20 });
    fc.assert(
      fc.property(rows, rows, fc.integer({ min: 1, max: 90 }), (dense, bm25, k) => {
        const { rows: fused, scores } = fuseRows(ranked(...dense), ranked(...bm25), 99, {
          ...DEFAULT_HYBRID,
          k,
        });
        expect([...fused].sort((a, b) => a - b)).toEqual(
          [...new Set([...dense, ...bm25])].sort((a, b) => a - b),
        );
        expect([...scores]).toEqual([...scores].sort((a, b) => b - a));
        const place = (list: readonly number[], row: number): number => list.indexOf(row) + 1 || Infinity;
        for (const [i, row] of fused.entries()) {
          for (const later of fused.slice(i + 1)) {
            const worse = place(dense, row) >= place(dense, later) && place(bm25, row) >= place(bm25, later);
            expect(worse && scores[i] !== scores[fused.indexOf(later)]).toBe(false);
          }
        }
      }),
    );
  });

  it.each([[{ k: -1 }], [{ dense: 0, bm25: 0 }], [{ bm25: NaN }], [{ depth: 0 }]])(
    'refuses %j',
    (settings) => {
      const make = () => new HybridRetriever(scripted([]), scripted([]), passages, settings);
      expect(make).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    },
  );
});

describe('hybrid search', () => {
  it('looks at the first hundred of both rankings, or deeper where more is asked for', async () => {
    const dense = scripted([1, 2, 3]);
    const words = scripted([3, 1]);
    const retriever = new HybridRetriever(dense, words, passages);
    const [hits] = await retriever.search(['x'], 2);
    expect(hits?.map(({ passage: { id }, rank }) => [id, rank])).toEqual([
      ['p1', 1],
      ['p3', 2],
    ]);
    await retriever.search(['x'], 300);
    await retriever.tuned({ depth: 10 }, {}).search(['x'], 3);
    expect(dense.depths).toEqual([100, 300, 10]);
    expect(words.depths).toEqual(dense.depths);
  });

  it('fuses retrievers whose rows are not known by the ids of passages', async () => {
    const parts = [
      { retriever: scripted([1, 2, 3]), weight: 1 },
      { retriever: scripted([3, 4]), weight: 2 },
    ];
    const [hits] = await fusedRetriever(parts).search(['x'], 3);
    expect(hits?.map(({ passage: { id } }) => id)).toEqual(['p3', 'p4', 'p1']);
    expect(hits?.[0]?.score).toBeCloseTo(1 / 63 + 2 / 61, 15);
  });
});

describe('several corpora', () => {
  /** Notes how it is to search. */
  function tunable(rows: number[]) {
    const asked: object[] = [];
    const self: RowRetriever = {
      ...scripted(rows),
      tuned(hybrid, vectors) {
        asked.push({ ...hybrid, ...vectors });
        return self;
      },
    };
    return { asked, self };
  }

  it('are each searched as it was asked for, whether scores are compared, ranks fused, or both', async () => {
    const [a, b, fixed] = [tunable([1, 2]), tunable([3]), scripted([4])];
    const joined = new JoinedPassages([passages, passages]);
    const vectors = combineVectors([a.self, b.self], joined);
    const [hits] = (await vectors.tuned?.({}, { ef: 9 }).search(['x'], 2)) ?? [];
    expect(hits?.map(({ passage: { id } }) => id)).toEqual(['p1', 'p3']);
    const hybrid = new HybridRetriever(vectors, fixed, joined);
    await hybrid.tuned({ depth: 5 }, { ef: 8 }).search(['x'], 2);
    // A server, which searches as it does, among those whose ranks are fused.
    const fused = fuseCorpora([a.self, fixed, b.self], 'hybrid');
    expect(await fused.tuned?.({ bm25: 2 }, { ef: 7 }).search(['x'], 5)).toEqual(
      await fused.search(['x'], 5),
    );
    expect(a.asked).toEqual([{ ef: 9 }, { ef: 8 }, { bm25: 2, ef: 7 }]);
    expect(b.asked).toEqual(a.asked);
  });
});
