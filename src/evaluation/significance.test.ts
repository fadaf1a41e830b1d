import { describe, expect, it } from 'vitest';
import { bootstrapInterval, pairedTest, quantile, randomStream } from './significance';

const coin = (count: number, share: number): number[] =>
  Array.from({ length: count }, (_, i) => (i < count * share ? 1 : 0));

describe('the bootstrap interval', () => {
  it('is near that of the normal approximation for many questions', () => {
    const { mean, low, high } = bootstrapInterval(coin(400, 0.3));
    const half = 1.96 * Math.sqrt((0.3 * 0.7) / 400);
    expect(mean).toBeCloseTo(0.3, 12);
    expect(Math.abs(low - (0.3 - half))).toBeLessThan(0.01);
    expect(Math.abs(high - (0.3 + half))).toBeLessThan(0.01);
  });

  it('is the same for the same seed, a point for equal scores, and refused without any', () => {
    const values = coin(50, 0.5);
    expect(bootstrapInterval(values, { seed: 3 })).toEqual(bootstrapInterval(values, { seed: 3 }));
    expect(bootstrapInterval([1, 1, 1])).toEqual({ mean: 1, low: 1, high: 1 });
    expect(() => bootstrapInterval([])).toThrow(/no scores/);
  });
});

describe('the paired test', () => {
  it('tries every exchange where few questions differ', () => {
    // Of the 16 exchanges only "all as they are" and "all the other way" are as extreme: p = 2/16.
    expect(pairedTest([1, 1, 1, 1, 0], [0, 0, 0, 0, 0])).toMatchObject({
      difference: 0.8,
      p: 0.125,
      wins: 4,
      losses: 0,
      ties: 1,
    });
    // Sums of ±1, ±1, ±1 are ±1 or ±3: none is nearer to 0 than the observed 1.
    expect(pairedTest([1, 1, 0], [0, 0, 1]).p).toBe(1);
    // |±0.5 ± 0.1| ≥ 0.4 always; ≥ 0.6 in 2 of 4.
    expect(pairedTest([0.5, 0.1], [0, 0]).p).toBe(0.5);
  });

  it('agrees with the sign test where many differ', () => {
    // 20 wins, 5 losses: the binomial test gives 2 · P(X ≤ 5) = 0.0041 for n = 25.
    const a = [...coin(20, 1), ...coin(5, 0)];
    const b = a.map((score) => 1 - score);
    const { p } = pairedTest(a, b, { draws: 20_000 });
    expect(p).toBeGreaterThan(0.002);
    expect(p).toBeLessThan(0.007);
  });

  it('finds no difference between equals, and refuses unequal lists', () => {
    expect(pairedTest([0.3, 1], [0.1 + 0.2, 1])).toMatchObject({ p: 1, ties: 2 });
    expect(() => pairedTest([1], [])).toThrow(/cannot be paired/);
  });
});

it('quantiles lie between the nearest values', () => {
  expect([0, 0.25, 0.5, 1].map((q) => quantile([1, 2, 3], q))).toEqual([1, 1.5, 2, 3]);
});

it('random numbers are spread evenly', () => {
  const random = randomStream(1);
  const values = Array.from({ length: 10_000 }, random);
  expect(Math.abs(values.reduce((a, b) => a + b, 0) / 10_000 - 0.5)).toBeLessThan(0.01);
  expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
});
