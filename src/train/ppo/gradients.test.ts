import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actorLoss } from './actor-loss';
import { lossWeights, maskTotals, type Aggregation } from './aggregate';
import { klDerivative, klEstimate, type KlEstimator } from './kl';
import { maskedSum } from './masked';
import { valueLoss } from './value-loss';

const length = 5;
const numbers = (size: number, min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.double({ min, max, noNaN: true }), { minLength: size, maxLength: size });
const bits = fc
  .array(fc.integer({ min: 0, max: 1 }), { minLength: 10, maxLength: 10 })
  .filter((mask) => mask.some((m) => m === 1));

const STEP = 1e-6;

/** Central difference of `f` by element i; undefined next to a kink, where the two sides disagree. */
function slope(f: (x: number[]) => number, x: readonly number[], i: number): number | undefined {
  const moved = (by: number): number => f(x.map((value, at) => (at === i ? value + by : value)));
  const [below, here, above] = [moved(-STEP), moved(0), moved(STEP)];
  const [left, right] = [(here - below) / STEP, (above - here) / STEP];
  return Math.abs(left - right) > 1e-3 ? undefined : (above - below) / (2 * STEP);
}

function expectSlopes(f: (x: number[]) => number, x: readonly number[], gradient: ArrayLike<number>): void {
  x.forEach((_, i) => {
    const want = slope(f, x, i);
    if (want !== undefined) expect(gradient[i]).toBeCloseTo(want, 5);
  });
}

describe('slopes agree with central differences', () => {
  it('of the actor’s loss by log-probabilities and entropies', () => {
    fc.assert(
      fc.property(
        ...[numbers(10, -3, 0), numbers(10, -3, 0), numbers(10, -2, 2), numbers(10, 0, 3), bits],
        fc.constantFrom<KlEstimator>('k1', 'k2', 'k3', 'abs'),
        fc.constantFrom(undefined, 3),
        (logProbs, oldLogProbs, advantages, entropies, mask, estimator, dualClip) => {
          const loss = (now: number[], nats: number[]): ReturnType<typeof actorLoss> =>
            actorLoss({
              ...{ logProbs: now, oldLogProbs, advantages, entropies: nats, mask, dualClip },
              ...{
                weights: lossWeights(mask, length),
                clipLow: 0.2,
                clipHigh: 0.28,
                entropyCoefficient: 0.1,
              },
              kl: { estimator, coefficient: 0.3, reference: oldLogProbs },
            });
          const { logProbGradient, entropyGradient } = loss(logProbs, entropies);
          expectSlopes((x) => loss(x, entropies).loss, logProbs, logProbGradient);
          expectSlopes((x) => loss(logProbs, x).loss, entropies, entropyGradient);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('of the value loss', () => {
    fc.assert(
      fc.property(
        numbers(10, -2, 2),
        numbers(10, -2, 2),
        numbers(10, -2, 2),
        bits,
        (v, old, returns, mask) => {
          const weights = lossWeights(mask, length);
          const loss = (values: number[]): ReturnType<typeof valueLoss> =>
            valueLoss({ values, oldValues: old, returns, mask, weights, clip: 0.5 });
          expectSlopes((x) => loss(x).loss, v, loss(v).gradient);
        },
      ),
      { numRuns: 60, seed: 2 },
    );
  });

  it('of the KL estimators, bounds included', () => {
    for (const estimator of ['k1', 'abs', 'k2', 'k3'] as const) {
      for (const x of [-25, -4, -1, -0.3, 0.4, 22]) {
        const f = ([value = NaN]: number[]): number => klEstimate(estimator, value, -0.5);
        expectSlopes(f, [x], [klDerivative(estimator, x, -0.5)]);
      }
    }
  });
});

it('micro-batches add up to their mini-batch, in every aggregation', () => {
  fc.assert(
    fc.property(
      bits,
      numbers(10, -5, 5),
      fc.constantFrom<Aggregation>('token-mean', 'sequence-mean-token-sum', 'sequence-mean-token-mean'),
      (mask, losses, mode) => {
        const totals = maskTotals(mask, length);
        const whole = maskedSum(losses, lossWeights(mask, length, mode));
        const parts = [0, length].map((start) =>
          maskedSum(
            losses.slice(start, start + length),
            lossWeights(mask.slice(start, start + length), length, mode, totals),
          ),
        );
        expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(whole, 9);
      },
    ),
    { seed: 3 },
  );
});
