import { describe, expect, it } from 'vitest';
import { Random } from './random';

describe('Random', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    const draw = (seed: string) =>
      Array.from(
        { length: 8 },
        (
          (random) => () =>
            random.next()
        )(new Random(seed)),
      );
    expect(draw('a')).toEqual(draw('a'));
    expect(draw('a')).not.toEqual(draw('b'));
  });

  it('forks by name, whatever was drawn before', () => {
    const early = new Random('a');
    const late = new Random('a');
    for (let i = 0; i < 100; i++) late.next();
    expect(early.fork('x').next()).toBe(late.fork('x').next());
    expect(early.fork('x').next()).not.toBe(early.fork('y').next());
  });

  it('draws integers evenly over a closed range', () => {
    const random = new Random('even');
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i++) {
      const value = random.int(1, 6);
      counts[value - 1] = (counts[value - 1] ?? 0) + 1;
    }
    // Five standard deviations of a binomial with n = 60,000, p = 1/6.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(457);
  });

  it('shuffles a copy without loss', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new Random('s').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });

  it('refuses to pick from nothing', () => {
    expect(() => new Random('s').pick([])).toThrow(RangeError);
  });
});
