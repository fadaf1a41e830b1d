import { describe, expect, it } from 'vitest';
import { readNumber } from './number-range';

describe('a number that is typed', () => {
  it('is taken within its bounds, with a point or a comma', () => {
    expect(readNumber(' 0,4 ', { low: 0, high: 1 })).toBe(0.4);
    expect(readNumber('.5', { low: 0, high: 1 })).toBe(0.5);
    expect(readNumber('1000', { low: 20, high: 1000, whole: true })).toBe(1000);
    expect(readNumber('−3', { low: -5, high: 0 })).toBe(-3);
  });

  it('is told where it lies outside, is not whole, or is no number', () => {
    for (const wrong of ['19', '1001', '20.5', '1e2', '0x20', 'many', '', '-']) {
      expect(readNumber(wrong, { low: 20, high: 1000, whole: true }), wrong).toBeUndefined();
    }
  });

  it('may be absent where that means something', () => {
    expect(readNumber('  ', { low: 1, high: 2, mayBeEmpty: true })).toBeNull();
  });
});
