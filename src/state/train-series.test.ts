import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignTo, axisOf, smooth, spansMagnitudes, splitAt, summarise, valuesOf } from './train-series';
import { isHealthy } from './train-metrics';

const steps = (...scores: (number | undefined)[]) =>
  scores.map((score, i) => ({ step: i + 1, at: '', metrics: score === undefined ? {} : { score } }));

describe('curves', () => {
  it('have a gap where a step did not measure, or measured no number', () => {
    expect(valuesOf(steps(1, undefined, NaN, 0.5), 'score')).toEqual([1, null, null, 0.5]);
  });

  it('are smoothed by an average without the bias of its beginning: the first value stays', () => {
    const level = smooth([4, 4, null, 4], 0.9);
    expect(level[2]).toBeNull();
    for (const i of [0, 1, 3]) expect(level[i]).toBeCloseTo(4);
    const [first, second] = smooth([0, 1], 0.5);
    expect(first).toBe(0);
    expect(second).toBeCloseTo(2 / 3);
  });

  it('stay within their values when smoothed, and as they are without a weight', () => {
    const values = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 0.99, noNaN: true }), (raw, weight) => {
        for (const value of smooth(raw, weight)) {
          expect(value).toBeGreaterThanOrEqual(Math.min(...raw) - 1e-9);
          expect(value).toBeLessThanOrEqual(Math.max(...raw) + 1e-9);
        }
      }),
    );
    expect(smooth([1, null, 3], 0)).toEqual([1, null, 3]);
  });

  it('are cut at the step that is looked at, and meet there', () => {
    const run = steps(1, 2, 3);
    expect(splitAt(run, [1, 2, 3], 2)).toEqual({ before: [1, 2, null], after: [null, 2, 3] });
    expect(splitAt(run, [1, 2, 3], null)).toEqual({ before: [1, 2, 3], after: [null, null, null] });
  });

  it('of several runs lie over one axis', () => {
    const one = steps(1, 2);
    const other = [
      { step: 2, at: '', metrics: { score: 7 } },
      { step: 5, at: '', metrics: { score: 8 } },
    ];
    expect(axisOf(one, other)).toEqual([1, 2, 5]);
    expect(alignTo([1, 2, 5], other, [7, 8])).toEqual([null, 7, 8]);
  });

  it('are summed up without their gaps; a curve of nothing has no summary', () => {
    expect(summarise([null, 2, 5, 1])).toEqual({ first: 2, last: 1, lowest: 1, highest: 5, count: 3 });
    expect(summarise([null])).toBeNull();
  });
});

it('a band holds its ends; an open end holds everything', () => {
  expect(isHealthy(0.2, { low: 0, high: 0.2 })).toBe(true);
  expect(isHealthy(0.21, { low: 0, high: 0.2 })).toBe(false);
  expect(isHealthy(-5, { high: 0.2 })).toBe(true);
  expect(isHealthy(1, undefined)).toBeNull();
  expect(isHealthy(NaN, { high: 1 })).toBeNull();
});

it('curves that pass through orders of magnitude are told, those with a zero are not', () => {
  expect(spansMagnitudes([[1e-6, 3e-5, null, 1e-4]])).toBe(true);
  expect(spansMagnitudes([[0.2, 0.9], [12]])).toBe(true);
  expect(spansMagnitudes([[0.2, 0.9]])).toBe(false);
  expect(spansMagnitudes([[0, 1e-6, 1]])).toBe(false);
  expect(spansMagnitudes([[null]])).toBe(false);
});
