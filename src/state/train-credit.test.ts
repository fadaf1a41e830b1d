import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scriptedStep } from './train-scripted-data';
import { defaultRunConfig } from '../train/runs/default-config';
import { creditOf, rankRollouts, strengthOf } from './train-credit';

describe('credit', () => {
  it('folds what was shown, and keeps every character in its order', () => {
    const [rollout] = scriptedStep(3, 1, defaultRunConfig(), '').rollouts;
    const tokens = rollout?.tokens ?? [];
    const { parts } = creditOf(tokens);
    const text = parts.map((part) =>
      part.kind === 'shown' ? part.text : part.tokens.map((t) => t.text).join(''),
    );
    expect(text.join('')).toBe(tokens.map((token) => token.text).join(''));
    expect(parts.map(({ kind }) => kind)).toEqual(['written', 'shown', 'written']);
  });

  it('names the best and the worst token, and counts both sides', () => {
    const credit = creditOf([
      { text: 'a', action: true, advantage: 0.5 },
      { text: 'b', action: true, advantage: -2 },
      { text: 'c', action: false },
      { text: 'd', action: true, advantage: 0 },
    ]);
    expect(credit).toMatchObject({
      scale: 2,
      positive: 1,
      negative: 1,
      best: { text: 'a' },
      worst: { text: 'b' },
    });
  });

  it('without advantages has neither scale nor shades', () => {
    const credit = creditOf([{ text: 'a', action: true }]);
    expect(credit).toMatchObject({ scale: 0, best: null, worst: null });
    expect(credit.parts).toMatchObject([{ tokens: [{ strength: 0, advantage: null }] }]);
  });

  it('shades by sign, more for more, never beyond the ends', () => {
    const number = fc
      .double({ min: -1e6, max: 1e6, noNaN: true })
      .filter((x) => x === 0 || Math.abs(x) > 1e-9);
    fc.assert(
      fc.property(number, fc.double({ min: 1e-9, max: 1e6, noNaN: true }), (advantage, scale) => {
        const strength = strengthOf(advantage, scale);
        expect(Math.abs(strength)).toBeLessThanOrEqual(1);
        expect(Math.sign(strength)).toBe(Math.sign(advantage));
      }),
    );
    expect(strengthOf(1, 0)).toBe(0);
  });
});

it('rollouts stand from the best to the worst; equal ones are neither', () => {
  const { rollouts } = scriptedStep(1, 1, defaultRunConfig(), '');
  const ranked = rankRollouts([...rollouts].reverse());
  expect(ranked.map(({ rollout }) => rollout.reward.score)).toEqual([1, 1, 0, 0]);
  expect(ranked.map(({ end }) => end)).toEqual(['best', null, null, 'worst']);
  expect(rankRollouts(rollouts.slice(0, 2)).map(({ end }) => end)).toEqual([null, null]);
});
