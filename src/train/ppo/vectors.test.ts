/** Small cases with the results of verl's own functions in float64 (baselines spec §6.9). */
import { describe, expect, it } from 'vitest';
import { maxError } from '../../../tests/goldens/ppo-golden';
import { lossWeights, type Aggregation } from './aggregate';
import { gae } from './gae';
import { grpoAdvantages, reinforcePlusPlus, rlooAdvantages } from './group-advantages';
import { klEstimate, type KlEstimator } from './kl';
import { initialKlCoefficient, nextKlCoefficient } from './kl-controller';
import { maskedSum, maskedVariance, maskedWhiten } from './masked';
import { policyLoss } from './policy-loss';
import { valueLoss } from './value-loss';

const length = 6;
const rewards = [0, 0, 0, 0, 1, 0, 0, 0, 0.5, 0, 0, 0];
const values = [0.1, 0.2, 0.3, 0.4, 0.5, 0, 0.6, 0.2, 0.1, 0, 0, 0];
const m = [1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0];
const observed = [1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0];

describe('GAE and whitening', () => {
  const pad = -1.5950397704;
  it.each([
    [
      'over all positions',
      undefined,
      [0.8443815509, 0.8872743763, 0.927617625, 0.96525, 1, 0, 0.4568256, 0.4752, 0.5, 0, 0, 0],
      [
        ...[1.0026404546, 0.8033526324, 0.5951675115, 0.3775222113, 0.1498182408, pad],
        ...[-2.0946777681, -0.634669921, -0.1991533614, pad, pad, pad],
      ],
    ],
    [
      'past observations',
      observed,
      [0.917717625, 0.96525, 0.8, 0.9, 1, 0, 0.4568256, 0.4752, 0.5, 0, 0, 0],
      [
        ...[1.083778008, 0.9348766494, 0.1821060528, 0.1821060528, 0.1821060528, -1.2368771642],
        ...[-1.6432013056, -0.4558688016, -0.1016905906, -1.2368771642, -1.2368771642, -1.2368771642],
      ],
    ],
  ])('%s', (_, mask, returns, whitened) => {
    const result = gae({ rewards, values, length, gamma: 0.99, lambda: 0.95, ...(mask && { mask }) });
    expect(maxError(result.returns, returns)).toBeLessThan(1e-8);
    expect(maxError(maskedWhiten(result.advantages, mask ?? m), whitened)).toBeLessThan(3e-8);
  });

  it('keep the mean where asked, and refuse a single token', () => {
    const kept = maskedWhiten([1, 2, 3, 4], [1, 1, 1, 0], { keepMean: true });
    expect(maxError(kept, [1.000000005, 2, 2.999999995, 3.99999999])).toBeLessThan(1e-9);
    expect(() => maskedVariance([1, 2], [1, 0])).toThrow('needs two tokens');
  });

  it('do not let values that are no numbers in from outside the mask', () => {
    expect(maskedWhiten([1, NaN, 3], [1, 0, 1])[0]).toBeCloseTo(-Math.SQRT1_2, 6);
  });
});

describe('the policy loss', () => {
  const a = {
    ...{ logProbs: [-0.7, -2.5, -0.5, -1.5], oldLogProbs: [-1, -2, -0.5, -3], advantages: [1, 1, -1, -2] },
    ...{ mask: [1, 1, 1, 1], weights: [0.25, 0.25, 0.25, 0.25], clipLow: 0.2, clipHigh: 0.2 },
  };
  it('is the paper’s, and with dual clip that of current verl', () => {
    const plain = policyLoss(a);
    expect(plain.loss).toBeCloseTo(2.03921187024, 10);
    expect(plain.clipFraction).toBe(0.25);
    expect(plain.approximateKl).toBeCloseTo(-0.325, 12);
    const dual = policyLoss({ ...a, dualClip: 3, logRatioLimit: 20 });
    expect(dual.loss).toBeCloseTo(1.298367335072, 10);
    expect(dual.dualClipFraction).toBe(0.25);
  });

  it('has ratio 1, clip fraction 0 and KL 0 where the policy has not moved', () => {
    const same = policyLoss({ ...a, oldLogProbs: a.logProbs });
    expect([...same.ratio]).toEqual([1, 1, 1, 1]);
    expect([same.clipFraction, same.approximateKl, same.approximateKlK3]).toEqual([0, 0, 0]);
  });
});

describe('the value loss', () => {
  it.each([
    [0.5, 0.34375, 0.25],
    [0.2, 0.44125, 0.5],
  ])('with clip %f', (clip, loss, fraction) => {
    const result = valueLoss({
      ...{ values: [0.5, 1.5, -1, 0.2], oldValues: [0, 0.2, 0, 0.1], returns: [1, 0, -1, 0.2], clip },
      ...{ mask: [1, 1, 1, 1], weights: [0.25, 0.25, 0.25, 0.25] },
    });
    expect(result.loss).toBeCloseTo(loss, 12);
    expect(result.clipFraction).toBe(fraction);
  });
});

describe('KL', () => {
  it.each<[KlEstimator, number[]]>([
    ['k1', [0.3, -0.5, 0, 1.5]],
    ['abs', [0.3, 0.5, 0, 1.5]],
    ['k2', [0.045, 0.125, 0, 1.125]],
    ['k3', [0.0408182207, 0.1487212707, 0, 0.7231301601]],
  ])('by %s', (estimator, want) => {
    const [now, old] = [
      [-0.7, -2.5, -0.5, -1.5],
      [-1, -2, -0.5, -3],
    ];
    const got = want.map((_, i) => klEstimate(estimator, now[i]!, old[i]!));
    expect(maxError(got, want)).toBeLessThan(1e-9);
  });

  it('is steered to its target', () => {
    const adaptive = { kind: 'adaptive', initial: 0.2, target: 6, horizon: 1e4 } as const;
    const seen: number[] = [];
    let beta = initialKlCoefficient(adaptive);
    for (const kl of [3, 12, 6, 6.3]) seen.push((beta = nextKlCoefficient(adaptive, beta, kl, 256)));
    expect(maxError(seen, [0.198976, 0.19999475712, 0.19999475712, 0.20025075041])).toBeLessThan(1e-10);
    expect(nextKlCoefficient({ kind: 'fixed', coefficient: 0.001 }, 0.001, 50, 8)).toBe(0.001);
  });
});

describe('advantages of groups', () => {
  const scores = [1, 0, 1, 0.7];
  const keys = ['a', 'a', 'a', 'b'];
  it('are GRPO’s, with and without the deviation', () => {
    const want = [0.5773492692, -1.1546985384, 0.5773492692, 0.6999993];
    expect(maxError(grpoAdvantages(scores, keys), want)).toBeLessThan(1e-8);
    const plain = [1 / 3, -2 / 3, 1 / 3, 0.7];
    expect(maxError(grpoAdvantages(scores, keys, { normalise: false }), plain)).toBeLessThan(1e-12);
  });
  it('are RLOO’s', () => {
    expect(maxError(rlooAdvantages(scores, keys), [0.5, -1, 0.5, 0.7])).toBeLessThan(1e-12);
  });
  it('are REINFORCE++’s', () => {
    const mask = [1, 1, 1, 1, 1, 0];
    const { advantages } = reinforcePlusPlus({ rewards: [0, 0, 1, 0, 0.5, 0], mask, length: 3, gamma: 1 });
    expect(maxError(advantages, [0.7303, 0.7303, 0.7303, -1.0954, -1.0954, 0])).toBeLessThan(1e-4);
  });
});

it.each<[Aggregation, number]>([
  ['token-mean', 2.5],
  ['sequence-mean-token-sum', 5],
  ['sequence-mean-token-mean', 2.9999999767],
  ['token-sum-norm', 3.3333333333],
])('losses become one number by %s', (mode, want) => {
  const weights = lossWeights([1, 1, 1, 1, 0, 0], 3, mode);
  expect(maskedSum([1, 2, 3, 4, 5, 6], weights)).toBeCloseTo(want, 9);
});
