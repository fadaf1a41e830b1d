import { describe, expect, it } from 'vitest';
import { MAX_STEPS, Pace } from './pace';

/** Decodes for a while on a device that needs `ms` a step; gives the lengths of the submits. */
function decode(pace: Pace, rows: number, ms: number, submits = 12): number[] {
  return Array.from({ length: submits }, () => {
    const steps = pace.steps(rows);
    pace.recordSteps(rows, steps, steps * ms);
    return steps;
  });
}

describe('decode steps of a submit', () => {
  it('grow from one to sixteen where a step is short', () => {
    expect(decode(new Pace(64), 1, 2)).toEqual([1, 2, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16]);
  });

  it.each([5, 9, 20, 34, 60, 99, 400])('stay below 100 ms where a step takes %i ms', (ms) => {
    for (const steps of decode(new Pace(64), 4, ms)) expect(steps === 1 || steps * ms < 100).toBe(true);
  });

  it('recover from a first step that took long, and shrink when steps become slow', () => {
    const pace = new Pace(64);
    pace.recordSteps(1, 1, 900);
    expect(decode(pace, 1, 2, 20).at(-1)).toBe(MAX_STEPS);
    expect(decode(pace, 1, 50, 8).at(-1)).toBe(1);
  });

  it('are measured for each number of rows', () => {
    const pace = new Pace(64);
    decode(pace, 1, 2);
    expect(pace.steps(8)).toBe(1);
    expect(pace.steps(1)).toBe(MAX_STEPS);
  });

  it('can be fixed', () => {
    expect(decode(new Pace(64, 4), 1, 500, 3)).toEqual([4, 4, 4]);
  });
});

describe('rows of a prefill submit', () => {
  const settle = (msOfRow: number): number => {
    const pace = new Pace(256);
    for (let i = 0; i < 20; i += 1) pace.recordRows(pace.rows, pace.rows * msOfRow);
    return pace.rows;
  };

  it('stay at the most where that is quick', () => expect(settle(0.1)).toBe(256));

  it('shrink until a submit is short, but not below what keeps the device busy', () => {
    expect(settle(0.5)).toBe(128);
    expect(settle(1)).toBe(64);
    expect(settle(50)).toBe(32);
  });
});
