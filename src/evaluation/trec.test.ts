import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allGoldAt, averagePrecision, ndcgAt, reciprocalRank } from './retrieval-metrics';
import { parseQrels, parseRun, scoreRun } from './trec';

const rounded = (scores: Record<string, number> | undefined, ...names: string[]): (number | undefined)[] =>
  names.map((name) => scores?.[name] && Number(scores[name].toFixed(4)));

describe('the measures of trec_eval', () => {
  it('are those of a case worked by hand', () => {
    const run = parseRun('q1 Q0 d3 1 0.9 t\nq1 Q0 d2 2 0.8 t\nq1 Q0 d1 3 0.7 t\nq1 Q0 d4 4 0.6 t\n');
    const qrels = parseQrels('q1 0 d1 1\nq1 0 d2 0\nq1 0 d3 2\nq1 0 d5 1\n');
    const { all } = scoreRun(run, qrels);
    expect(all).toMatchObject({ num_q: 1, num_ret: 4, num_rel: 3, num_rel_ret: 2 });
    // AP = (1/1 + 2/3) / 3; nDCG = (2 + 1/log2(4)) / (2 + 1/log2(3) + 1/log2(4)).
    expect(rounded(all, 'map', 'Rprec', 'recip_rank', 'ndcg', 'ndcg_cut_5', 'P_5', 'recall_5')).toEqual([
      0.5556, 0.6667, 1, 0.7985, 0.7985, 0.4, 0.6667,
    ]);
    expect(all).toMatchObject({ success_1: 1, success_5: 1 });
  });

  it('are those that pytrec_eval prints for the example of its documentation', () => {
    const run = parseRun(
      'q1 Q0 d1 0 1.0 t\nq1 Q0 d2 0 0.0 t\nq1 Q0 d3 0 1.5 t\nq2 Q0 d1 0 1.5 t\nq2 Q0 d2 0 0.2 t\nq2 Q0 d3 0 0.5 t',
    );
    const qrels = parseQrels('q1 0 d1 0\nq1 0 d2 1\nq1 0 d3 0\nq2 0 d2 1\nq2 0 d3 1');
    const { queries } = scoreRun(run, qrels);
    expect(queries.get('q1')?.['map']).toBeCloseTo(0.3333333333333333, 12);
    expect(queries.get('q1')?.['ndcg']).toBeCloseTo(0.5, 12);
    expect(queries.get('q2')?.['map']).toBeCloseTo(0.5833333333333333, 12);
    expect(queries.get('q2')?.['ndcg']).toBeCloseTo(0.6934264036172708, 12);
  });

  it('order by score in 32 bits, equal ones by id from the end, whatever the ranks say', () => {
    const run = parseRun('q Q0 a 1 0.1 t\nq Q0 b 2 0.10000000001 t\nq Q0 B 3 0.1 t\nq Q0 c 9 0.2 t\nq Q0 é 9 0.1 t');
    expect(run.get('q')).toEqual(['c', 'é', 'b', 'a', 'B']);
  }); // prettier-ignore

  it('with ties among graded documents are those of their order by id from the end', () => {
    // By trec_eval's order: d3 (0.9, not judged), then of score 0.5 d4 (0), d2 (3), d10 (2), d1 (1) by strcmp, then d5.
    const run = parseRun(
      ['d1 1 0.5', 'd2 2 0.5', 'd3 3 0.9', 'd4 4 0.5', 'd5 5 0.1', 'd10 6 0.5']
        .map((line) => `q Q0 ${line} t`)
        .join('\n'),
    );
    expect(run.get('q')).toEqual(['d3', 'd4', 'd2', 'd10', 'd1', 'd5']);
    const { all } = scoreRun(run, parseQrels('q 0 d1 1\nq 0 d2 3\nq 0 d4 0\nq 0 d10 2\nq 0 d9 1'));
    expect(all).toMatchObject({ num_ret: 6, num_rel: 4, num_rel_ret: 3 });
    // AP = (1/3 + 2/4 + 3/5) / 4. DCG = 3/log2(4) + 2/log2(5) + 1/log2(6) = 2.7482 (m_ndcg.c: gain = relevance, log2(rank + 1));
    // ideal = 3 + 2/log2(3) + 1/log2(4) + 1/log2(5) = 5.1925, the document that was not found included.
    expect(
      rounded(all, 'map', 'recip_rank', 'Rprec', 'P_5', 'recall_5', 'ndcg', 'ndcg_cut_5', 'map_cut_5'),
    ).toEqual([0.3583, 0.3333, 0.5, 0.6, 0.75, 0.5293, 0.5293, 0.3583]);
    expect(all).toMatchObject({ success_1: 0, success_5: 1 });
  });

  it('of queries without a relevant or a judged document are 0 or left out', () => {
    const run = parseRun('q1 Q0 d 1 1 t\nq2 Q0 d 1 1 t\nq3 Q0 d 1 1 t\nq3 Q0 e 2 2 t');
    const { all, queries, missing } = scoreRun(run, parseQrels('q1 0 d 0\nq3 0 d 1\nq4 0 d 1'));
    expect([...queries.keys()]).toEqual(['q1', 'q3']); // q2 has no judgements, q4 is not in the run
    expect(missing).toBe(1);
    expect(queries.get('q1')).toMatchObject({ map: 0, ndcg: 0, recall_5: 0, recip_rank: 0, num_rel: 0 });
    // The second of two is the relevant one: ndcg = 1/log2(3).
    expect(rounded(queries.get('q3'), 'map', 'recip_rank', 'ndcg')).toEqual([0.5, 0.5, 0.6309]);
    expect(rounded(all, 'map', 'recip_rank', 'ndcg', 'recall_5', 'P_5')).toEqual([
      0.25, 0.25, 0.3155, 0.5, 0.1,
    ]);
  });

  it('average over the queries in both files, or over all judged ones', () => {
    const run = parseRun('q1 Q0 d 1 1 t\nq9 Q0 d 1 1 t');
    const qrels = parseQrels('q1 0 d 1\nq2 0 d 1\nq3 0 d 0');
    expect(scoreRun(run, qrels)).toMatchObject({ all: { num_q: 1, map: 1 }, missing: 2 });
    expect(scoreRun(run, qrels, true).all).toMatchObject({ num_q: 3, map: 1 / 3, num_rel: 2 });
    expect(() => scoreRun(parseRun('x Q0 d 1 1 t'), qrels)).toThrow(/no query in common/);
  });
});

describe('reading', () => {
  it("takes BEIR's three columns with their header", () => {
    const qrels = parseQrels('query-id\tcorpus-id\tscore\nq1\td1\t2\n');
    expect(qrels.get('q1')?.get('d1')).toBe(2);
  });

  it.each([
    ['qrels', () => parseQrels('q1 0 d1')],
    ['qrels', () => parseQrels('q1 0 d1 high')],
    ['qrels', () => parseQrels('q1 0 d1 1\nq1 0 d1 1')],
    ['run', () => parseRun('q1 Q0 d1 1')],
    ['run', () => parseRun('q1 Q0 d1 1 many t')],
    ['run', () => parseRun('q1 Q0 d1 1 2 t\nq1 Q0 d1 2 1 t')],
  ])('refuses a wrong line of the %s by its number', (what, read) => {
    expect(read).toThrow(new RegExp(`Line \\d of the ${what}`));
  });

  it('either refuses or reads any text', () => {
    const part = fc.constantFrom(
      'q1',
      ' ',
      '\t',
      '\n',
      '0',
      '1',
      'd1',
      'Q0',
      '-1',
      '1e9',
      'NaN',
      '__proto__',
    );
    const text = fc.array(fc.oneof({ weight: 6, arbitrary: part }, fc.string({ maxLength: 3 })), { maxLength: 24 }).map((p) => p.join('')); // prettier-ignore
    const read = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_INPUT' });
      }
    };
    fc.assert(
      fc.property(text, (content) => {
        read(() => parseQrels(content));
        read(() => parseRun(content));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('for any ranking', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const judgements = fc.uniqueArray(fc.constantFrom(...ids)).chain((relevant) => fc.array(fc.integer({ min: -1, max: 3 }), { minLength: relevant.length, maxLength: relevant.length }).map((grades) => new Map(relevant.map((id, i) => [id, grades[i] ?? 0])))); // prettier-ignore

  it('measures lie between 0 and 1, and are 1 for the ideal order', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(ids),
        judgements,
        fc.integer({ min: 1, max: 7 }),
        (ranked, judged, k) => {
          for (const measure of [ndcgAt, averagePrecision, reciprocalRank, allGoldAt]) {
            const value = measure(ranked, judged, k);
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1 + 1e-12);
          }
          const ideal = [...judged].filter(([, grade]) => grade > 0).sort(([, a], [, b]) => b - a).map(([id]) => id); // prettier-ignore
          if (ideal.length > 0) expect(ndcgAt(ideal, judged, k)).toBeCloseTo(1, 12);
        },
      ),
    );
  });
});
