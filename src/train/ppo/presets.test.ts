import { expect, it } from 'vitest';
import { PRESETS } from './presets';
import { learningRate, publishedLearningRate } from './schedule';

it('the preset s3 has the numbers of its training script', () => {
  expect(PRESETS.s3).toMatchObject({
    advantage: { kind: 'gae', gamma: 1, lambda: 1, observations: 'all' },
    clip: { low: 0.2, high: 0.2 },
    ...{ valueClip: 0.5, entropyCoefficient: 0.001, gradientClip: 1, criticWarmUpSteps: 0 },
    kl: { place: 'reward', estimator: 'k1', controller: { kind: 'fixed', coefficient: 0.001 } },
    batch: { prompts: 120, miniBatch: 30, actorMicroBatch: 15, criticMicroBatch: 10, epochs: 1 },
    actor: { learningRate: 1e-6, warmUpSteps: 0 },
    critic: { learningRate: 1e-5, warmUpSteps: 15 },
    adamW: { beta1: 0.9, beta2: 0.999, weightDecay: 0.01 },
    sampling: { temperature: 0.6, topP: 0.95 },
    lengths: { start: 2000, prompt: 8000, response: 500, observation: 1400 },
    search: { maxTurns: 3, topK: 8 },
  });
});

it('the presets of other trainers have their numbers', () => {
  expect(PRESETS['verl-2026']).toMatchObject({
    advantage: { kind: 'gae', gamma: 1, lambda: 1, observations: 'skip' },
    ...{ entropyCoefficient: 0, kl: { place: 'none' }, clip: { dual: 3, logRatioLimit: 20 } },
    batch: { prompts: 1024, miniBatch: 256, epochs: 1 },
  });
  expect(PRESETS['trl-ppo']).toMatchObject({
    advantage: { kind: 'gae', lambda: 0.95 },
    kl: { place: 'reward', estimator: 'k1', controller: { coefficient: 0.05 } },
    ...{ valueClip: 0.2, valueCoefficient: 0.1, scorePlace: 'after', valueMask: 'shifted' },
    batch: { epochs: 4, shuffleMiniBatches: true },
    actor: { learningRate: 3e-6 },
  });
  expect(PRESETS['trl-grpo']).toMatchObject({
    advantage: { kind: 'grpo', normalise: true, epsilon: 1e-4 },
    ...{ kl: { place: 'none' }, critic: undefined, aggregation: 'token-mean', meanOver: 'mini-batch' },
    batch: { rolloutsPerPrompt: 8, epochs: 1 },
    actor: { learningRate: 1e-6 },
  });
  expect(PRESETS.cleanrl).toMatchObject({
    advantage: { kind: 'gae', gamma: 0.99, lambda: 0.95 },
    ...{ whitenEach: 'mini-batch', entropyCoefficient: 0.01, valueCoefficient: 0.5, gradientClip: 0.5 },
    batch: { epochs: 4 },
    adamW: { epsilon: 1e-5 },
  });
});

it('an annealed rate falls in a line from the first step to nothing', () => {
  const { actor } = PRESETS.cleanrl;
  expect([0, 488, 976, 2000].map((step) => learningRate(actor, step) / 2.5e-4)).toEqual([1, 0.5, 0, 0]);
});

it.each(Object.entries(PRESETS))('%s fits together', (_, { batch, advantage, critic }) => {
  expect(batch.prompts % batch.miniBatch).toBe(0);
  expect(critic === undefined).toBe(advantage.kind !== 'gae');
  if (advantage.kind === 'grpo') expect(batch.rolloutsPerPrompt).toBeGreaterThan(1);
});

it('the published schedule starts at 0 and is full after the warm-up; ours loses no step', () => {
  const { actor, critic } = PRESETS.s3;
  expect([0, 1].map((step) => publishedLearningRate(actor, step))).toEqual([0, 1e-6]);
  expect([0, 15].map((step) => publishedLearningRate(critic!, step))).toEqual([0, 1e-5]);
  expect(learningRate(actor, 0)).toBe(1e-6);
  expect(learningRate(critic!, 0)).toBeCloseTo(1e-5 / 15, 15);
});
