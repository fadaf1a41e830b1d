/** Made-up numbers and rollouts of a run that goes well: for tests, for pictures of states, and for work on the page alone. */
import type { TraceEvent } from '../protocol/trace';
import type { RolloutRecord, RunConfig, StepMetrics, StepRecord } from '../train/records';
import { FIXTURE_QUESTION, FIXTURE_S3 } from './fixture-trace';

/** A number in 0 … 1 that looks random and is the same for the same two numbers (a hash by multiplication and shifts). */
function noise(seed: number, at: number): number {
  let x = (seed * 0x9e3779b1 + at * 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39) >>> 0;
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

/** Between −1 and 1, mostly near 0. */
const jitter = (seed: number, at: number): number =>
  noise(seed, at) + noise(seed + 1, at) + noise(seed + 2, at) - 1.5;

export function scriptedMetrics(step: number, seed: number, config: RunConfig): StepMetrics {
  const rise = 1 / (1 + Math.exp(-(step - 16) / 6));
  const wobble = (k: number, size: number): number => jitter(seed * 31 + k, step) * size;
  const within = (x: number, low = 0, high = 1): number => Math.min(high, Math.max(low, x));
  const accuracy = within(0.24 + 0.5 * rise + wobble(1, 0.07));
  const rollout = 9.4 + wobble(2, 0.6) + rise * 1.2;
  const actor = 6.1 + wobble(3, 0.3);
  const rate = config.ppo.actor.learningRate;
  return {
    score: within(accuracy - 0.02, -1),
    accuracy,
    baselineAccuracy: 0,
    gainShare: accuracy,
    lossShare: 0,
    formatShare: within(0.86 + 0.13 * rise + wobble(4, 0.02)),
    policyLoss: wobble(5, 0.02),
    entropy: 0.71 - 0.38 * rise + wobble(6, 0.02),
    clipFraction: within(0.06 + 0.1 * Math.exp(-((step - 14) ** 2) / 60) + wobble(7, 0.03)),
    approximateKl: within(0.004 + 0.004 * rise + wobble(8, 0.002)),
    referenceKl: within(0.09 * rise + wobble(9, 0.004), 0, 9),
    klCoefficient: 0.001,
    ratioDeviation: within(0.018 + 0.02 * rise + wobble(10, 0.008)),
    policyGradientNorm: within(0.42 + wobble(11, 0.25), 0.02, 9),
    policyLearningRate: rate * within(step / Math.max(1, config.ppo.actor.warmUpSteps)),
    valueLoss: within(0.16 * Math.exp(-step / 12) + 0.05 + wobble(12, 0.012)),
    explainedVariance: within(-0.35 + 0.95 * (1 - Math.exp(-step / 9)) + wobble(13, 0.07), -1),
    valueClipFraction: within(0.08 + wobble(14, 0.05)),
    valueGradientNorm: within(0.8 * Math.exp(-step / 15) + 0.2 + wobble(15, 0.1), 0, 9),
    valueMean: within(accuracy - 0.08 + wobble(16, 0.04), -1),
    returnMean: accuracy - 0.03,
    turns: 1.4 + 1.1 * rise + wobble(17, 0.12),
    searches: 0.9 + 1.1 * rise + wobble(18, 0.1),
    selectedDocuments: 4.2 - 1.5 * rise + wobble(19, 0.2),
    contextTokens: 196 - 55 * rise + wobble(20, 8),
    responseTokens: 62 + 18 * rise + wobble(21, 4),
    invalidActions: within(0.34 * Math.exp(-step / 5) + wobble(22, 0.02)),
    goldInContext: within(0.33 + 0.49 * rise + wobble(23, 0.06)),
    failedRollouts: 0,
    rolloutSeconds: rollout,
    rewardSeconds: 2.1 + wobble(24, 0.2),
    logProbSeconds: 2.6,
    criticSeconds: 1.4,
    actorSeconds: actor,
    stepSeconds: rollout + actor + 6.1,
    rolloutTokensPerSecond: 148 + wobble(25, 9),
    trainTokensPerSecond: 610 + wobble(26, 20),
    liveBytes: 61_400_000,
    heapBytes: 83_000_000 + (step % 5) * 400_000,
    samplerDeviation: 0.0004 + noise(seed, step) * 0.0002,
  };
}

const FOUND =
  '\n\n<information>Doc 1(Title: Odell Marrin) Odell Marrin was a glazier and founder of guilds. Marrin was born in Tessaly Ford, the younger of two brothers, and learned the trade from an aunt.\nDoc 2(Title: Marrin Inn) The Marrin Inn serves travellers on the ford.\nDoc 3(Title: Tessaly Ford) Tessaly Ford is a market town on the upper Ansel.\n</information>\n\n';
const pieces = (text: string): string[] => text.match(/\s?[^\s<>]{1,7}|[<>]|\s/g) ?? [];

/** A rollout whose tokens gain or lose by `sign`. */
function scriptedRollout(step: number, index: number, score: number): RolloutRecord {
  const sign = score > 0 ? 1 : -1;
  const events: TraceEvent[] = FIXTURE_S3.filter((event) => score > 0 || event.type !== 'scored').map(
    (event) => (event.type === 'answered' && score <= 0 ? { ...event, answer: 'Harrow' } : event),
  );
  const written = events.flatMap((event) =>
    event.type === 'generated' && event.role === 'searcher' ? [event.text] : [],
  );
  const tokens = written.flatMap((text, turn): RolloutRecord['tokens'] => [
    ...pieces(text).map((piece, i) => {
      const size = 0.25 + noise(step + turn * 7, index * 97 + i) ** 2 * 1.4;
      // Some tokens of a good rollout were bad, and the other way round.
      const turned = noise(step, i * 13 + turn) < 0.12 ? -0.4 : 1;
      return {
        ...{ text: piece, action: true, advantage: sign * size * turned },
        value: 0.4 + 0.2 * jitter(step, i),
      };
    }),
    ...(turn === 0 ? pieces(FOUND).map((piece) => ({ text: piece, action: false })) : []),
  ]);
  return {
    questionId: `train-q${step}-${index}`,
    question: index % 2 === 0 ? FIXTURE_QUESTION : 'Which river passes the town where Odell Marrin was born?',
    goldAnswers: index % 2 === 0 ? ['Tessaly Ford'] : ['Ansel', 'River Ansel'],
    reward: {
      ...{ score, accuracy: score > 0 ? 1 : 0, baseline: 0 },
      answer: score > 0 ? (index % 2 === 0 ? 'Tessaly Ford' : 'the Ansel') : 'Harrow',
      goldInContext: score > 0,
    },
    events,
    tokens,
  };
}

export function scriptedStep(step: number, seed: number, config: RunConfig, at: string): StepRecord {
  const scores = [1, 1, 0, 0];
  const rollouts = scores.map((score, index) => scriptedRollout(step, index, score));
  const record = { step, at, metrics: scriptedMetrics(step, seed, config) };
  return config.reward.kind === 'recall-tiers' ? { ...record, ...tiered(rollouts) } : { ...record, rollouts };
}

const tiered = (rollouts: readonly RolloutRecord[]): Pick<StepRecord, 'tiers' | 'rollouts'> => ({
  tiers: { 'recall ≥ 0.7': 0.5, 'recall ≥ 0.3': 0.125, 'recall < 0.05': 0.25, error: 0.125 },
  rollouts: rollouts.map(({ reward, ...rest }) => ({
    ...rest,
    reward: { ...reward, tier: reward.score > 0 ? 'recall ≥ 0.7' : 'recall < 0.05' },
  })),
});
