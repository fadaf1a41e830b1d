import { expect, it } from 'vitest';
import { Random } from './random';

it('is uniform: mean, variance and every sixteenth as they should be', () => {
  const random = new Random(42);
  const draws = 100_000;
  const buckets = new Float64Array(16);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < draws; i += 1) {
    const value = random.uniform();
    expect(value >= 0 && value < 1).toBe(true);
    sum += value;
    squares += value * value;
    buckets[Math.floor(value * 16)]! += 1;
  }
  expect(sum / draws).toBeCloseTo(0.5, 2);
  expect(squares / draws).toBeCloseTo(1 / 3, 2);
  const expected = draws / 16;
  const statistic = buckets.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
  // 15 degrees of freedom: 37.7 is the 0.999 quantile.
  expect(statistic).toBeLessThan(37.7);
});

it('gives the same numbers for the same seed on every machine', () => {
  const random = new Random(1);
  expect([random.bits(), random.bits(), random.bits()]).toMatchInlineSnapshot(`
    [
      393288148,
      2174103013,
      3814759091,
    ]
  `);
});
