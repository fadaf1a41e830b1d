import { describe, expect, it } from 'vitest';
import { digits, spread, spreadRatio, summarise, table } from './statistics';

describe('summaries of measurements', () => {
  it('take the middle value, or the mean of the two in the middle, whatever the order', () => {
    expect(summarise([30, 10, 20])).toEqual({ median: 20, least: 10, most: 30 });
    expect(summarise([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 });
  });

  it('sort by value, not by text', () => {
    expect(summarise([9, 100, 20]).median).toBe(20);
  });

  it('show three digits', () => {
    expect([0.1234, 12.34, 1234.5].map(digits)).toEqual(['0.12', '12.3', '1235']);
    expect(spread(summarise([1, 2, 300]))).toBe('2.00 (1.00–300)');
    expect(spreadRatio(summarise([1, 2, 300]))).toBe('2.00× (1.00–300)');
  });

  it('stand in columns that line up', () => {
    const lines = table(['a', 'long title'], [['something', '1']]).split('\n');
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines).toHaveLength(3);
  });
});
