import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedResult, ReportCell, ReportRow } from '../evaluation/evaluation-types';
import { bestRows, byHops, questionRows, scatterPoints, sortRows, ticks } from './evaluation-figures';

function cell(mean: number | undefined, seconds = 1): ReportCell {
  return {
    ...{ ok: mean === undefined ? 0 : 10, failed: 0, pending: 0, retrieval: {} },
    metrics: mean === undefined ? {} : { accuracy: { mean, low: mean - 0.1, high: mean + 0.1 } },
    ...{ contextTokens: null, generatorTokens: null, searches: 1, turns: 1 },
    ...{ secondsPerQuestion: seconds, tokens: 1000, cost: null, noted: 0 },
  };
}

const row = (system: string, overall: ReportCell): ReportRow => ({
  ...{ system, id: 's3', title: system, searcher: null, generator: 'demo' },
  datasets: { demo: overall },
  overall,
});

const rows = [row('b', cell(0.5, 3)), row('none', cell(undefined)), row('a', cell(0.9, 2))];
const names = (list: readonly ReportRow[]): string[] => list.map(({ system }) => system);

describe('the order of the rows', () => {
  it('follows the metric either way, with what was not measured last', () => {
    const key = { by: 'metric', dataset: null } as const;
    expect(names(sortRows(rows, key, true, 'accuracy'))).toEqual(['a', 'b', 'none']);
    expect(names(sortRows(rows, key, false, 'accuracy'))).toEqual(['b', 'a', 'none']);
  });

  it('follows a cost or the name', () => {
    expect(names(sortRows(rows, { by: 'seconds' }, false, 'accuracy'))).toEqual(['a', 'b', 'none']);
    expect(names(sortRows(rows, { by: 'label' }, false, 'accuracy'))).toEqual(['a', 'b', 'none']);
  });

  it('leaves the rows that it is given as they are', () => {
    sortRows(rows, { by: 'label' }, true, 'accuracy');
    expect(names(rows)).toEqual(['b', 'none', 'a']);
  });
});

it('the best are those with the highest mean as it is shown, and one row alone is not best', () => {
  expect([...bestRows(rows, null, 'accuracy')]).toEqual(['a']);
  const tied = [row('x', cell(0.9001)), row('y', cell(0.9003)), row('z', cell(0.5))];
  expect([...bestRows(tied, 'demo', 'accuracy')]).toEqual(['x', 'y']);
  expect(bestRows([row('x', cell(1))], null, 'accuracy').size).toBe(0);
});

it('a point is drawn for every system that was measured, at its tokens a question', () => {
  expect(scatterPoints(rows, 'accuracy').map(({ system, tokens }) => [system, tokens])).toEqual([
    ['b', 100],
    ['a', 100],
  ]);
});

function listed(id: string, system: string, accuracy: number | undefined, hops?: number): ListedResult {
  const zero = {
    context: 0,
    searcherPrompt: 0,
    searcherCompletion: 0,
    generatorPrompt: 0,
    generatorCompletion: 0,
  };
  return {
    question: { id, dataset: 'demo', question: id, goldAnswers: [], ...(hops !== undefined && { hops }) },
    result: {
      ...{ system, dataset: 'demo', questionId: id, seed: 0, attempt: 1, startedAt: '', seconds: 1 },
      ...{ tokens: zero, searches: 1, turns: 1, calls: 1, status: 'ok', answer: '', notes: [] },
      metrics: accuracy === undefined ? {} : { accuracy },
    },
  };
}

it('questions are grouped by their hops; what has none or no score is left out', () => {
  const results = [
    ...[listed('1', 's3', 1, 3), listed('2', 's3', 0, 3), listed('3', 's3', 1, 1)],
    ...[listed('4', 's3', 1), listed('5', 's3', undefined, 1), listed('1', 'rag', 0, 3)],
  ];
  expect(byHops(results)).toEqual([
    { hops: 1, systems: { s3: { count: 1, accuracy: 1 } } },
    { hops: 3, systems: { s3: { count: 2, accuracy: 0.5 }, rag: { count: 1, accuracy: 0 } } },
  ]);
});

it('the results of a question stand in one row', () => {
  const found = questionRows([listed('1', 's3', 1), listed('1', 'rag', 0), listed('2', 's3', 1)]);
  expect(found.map(({ results }) => results.map(({ system }) => system))).toEqual([['s3', 'rag'], ['s3']]);
});

it('the ticks of an axis begin at 0, rise evenly and reach what is to be shown', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e9, noNaN: true }), (most) => {
      const made = ticks(most);
      expect(made[0]).toBe(0);
      expect(made.at(-1)).toBeGreaterThanOrEqual(most * (1 - 1e-6));
      expect(made.length).toBeGreaterThanOrEqual(2);
      expect(made.length).toBeLessThanOrEqual(6);
    }),
  );
  expect(ticks(0)).toEqual([0, 1]);
});
