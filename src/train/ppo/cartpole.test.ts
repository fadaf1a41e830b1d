import { describe, expect, it } from 'vitest';
import { learnCartPole, lastMean } from './testing/learn-cartpole';

const goal = { episodes: 20, meanReturn: 195 };
/** Both seeds need about 38,000. */
const maxSteps = 45_000;

describe('the losses, advantages and whitening that train the language model', () => {
  it.each([1, 2])('learn CartPole with CleanRL’s recipe from seed %i', { timeout: 60_000 }, (seed) => {
    const { returns, steps } = learnCartPole({ seed, maxSteps, goal });
    expect(lastMean(returns.slice(0, goal.episodes), goal.episodes)).toBeLessThan(40);
    expect(lastMean(returns, goal.episodes)).toBeGreaterThanOrEqual(goal.meanReturn);
    expect(steps).toBeLessThanOrEqual(maxSteps);
  });

  it('learn to drop the pole when the sign of the advantages is turned', { timeout: 60_000 }, () => {
    const { returns } = learnCartPole({ seed: 1, maxSteps: 20_000, goal, advantageSign: -1 });
    // By chance an episode takes about 22 steps.
    expect(lastMean(returns, goal.episodes)).toBeLessThan(15);
  });
});
