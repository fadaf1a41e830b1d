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
