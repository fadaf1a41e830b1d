/** From scores, values and log-probabilities to what each token is worth, as a recipe says. */
import { maskTotals, lossWeights, type Aggregation } from '../ppo/aggregate';
import type { PpoConfig } from '../ppo/config';
import { gae } from '../ppo/gae';
import {
  grpoAdvantages,
  overTokens,
  reinforcePlusPlus,
  reinforcePlusPlusBaseline,
  rlooAdvantages,
} from '../ppo/group-advantages';
import { klValues } from '../ppo/kl';
import { maskSize, maskedWhiten } from '../ppo/masked';
import { sequenceMeanKl, tokenRewards } from '../ppo/rewards';
import type { Episodes } from './episodes';

export interface RewardedTokens {
  rewards: Float64Array;
  /** Mean over episodes of their mean KL a token; undefined where it was not computed. */
  currentKl: number | undefined;
}

/** `old` and `reference` are of the actions; both are there where KL is a part of the reward. */
export function rewardTokens(
  episodes: Episodes,
  config: PpoConfig,
  klCoefficient: number,
  old: Float64Array | undefined,
  reference: Float64Array | undefined,
): RewardedTokens {
  const { masks, length, scores } = episodes;
  const values = old && reference && klValues(config.kl.estimator, old, reference, masks.actions);
  const scored = config.scorePlace === 'after' ? masks.shifted : masks.response;
  const kl =
    values && config.kl.place === 'reward'
      ? { values, mask: masks.actions, coefficient: klCoefficient }
      : undefined;
  return {
    rewards: tokenRewards({ scores, responseMask: scored, length, kl }),
    currentKl: values && sequenceMeanKl(values, masks.actions, length),
  };
}

export interface StepAdvantages {
  /** As the policy's loss takes them; whitened where the recipe does. */
  advantages: Float64Array;
  /** What the critic learns; undefined without one. */
  returns: Float64Array | undefined;
}

/** @param values V of each cell of the recipe's value mask, 0 elsewhere */
export function estimateAdvantages(
  episodes: Episodes,
  { advantage, whitening, whitenEach }: PpoConfig,
  rewards: Float64Array,
  values: Float64Array | undefined,
): StepAdvantages {
  const { masks, length, keys } = episodes;
  const actions = masks.actions;
  const sums = (): Float64Array =>
    Float64Array.from(episodes.rollouts, (_, i) =>
      rewards.subarray(i * length, (i + 1) * length).reduce((sum, r) => sum + r, 0),
    );
  switch (advantage.kind) {
    case 'gae': {
      const { gamma, lambda, observations } = advantage;
      const V = values ?? new Float64Array(rewards.length);
      const mask = observations === 'skip' ? { mask: actions } : {};
      const { advantages, returns } = gae({ rewards, values: V, length, gamma, lambda, ...mask });
      if (whitening === 'none' || whitenEach === 'mini-batch') return { advantages, returns };
      return { advantages: whiten(advantages, masks[whitening]), returns };
    }
    case 'grpo': {
      const { normalise, epsilon } = advantage;
      const each = grpoAdvantages(sums(), keys, { normalise, epsilon });
      return { advantages: overTokens(each, actions, length), returns: undefined };
    }
    case 'rloo':
      return {
        advantages: overTokens(rlooAdvantages(sums(), keys), actions, length),
        returns: undefined,
      };
    case 'reinforce++': {
      const { gamma, baseline } = advantage;
      const advantages =
        baseline === 'group'
          ? reinforcePlusPlusBaseline(sums(), keys, actions, length)
          : reinforcePlusPlus({ rewards, mask: actions, length, gamma }).advantages;
      return { advantages, returns: undefined };
    }
    default:
      return advantage satisfies never;
  }
}

/** A single token has no deviation: it is left as it is. */
const whiten = (advantages: Float64Array, mask: Float64Array): Float64Array =>
  maskSize(mask) > 1 ? maskedWhiten(advantages, mask) : advantages;

/** What a mini-batch takes for advantages: those of the step, or its own whitened by themselves. */
export function miniBatchAdvantages(
  { masks, length }: Episodes,
  members: readonly number[],
  advantages: Float64Array,
  { advantage, whitening, whitenEach }: PpoConfig,
): Float64Array {
  if (advantage.kind !== 'gae' || whitening === 'none' || whitenEach !== 'mini-batch') return advantages;
  const own = new Float64Array(advantages.length);
  for (const i of members) own.set(masks[whitening].subarray(i * length, (i + 1) * length), i * length);
  return whiten(advantages, own);
}

export interface WeightRules {
  aggregation: Aggregation;
  meanOver: PpoConfig['meanOver'];
  /** Episodes of a micro-batch, as the recipe counts them. */
  microBatch: number;
}

/**
 * The weight of every token in the loss of a mini-batch, `[episodes, length]`, 0 outside it. Fixed before anything is computed, so
 * that episodes may lie in any pass; where a recipe means over micro-batches, they are those of its own order.
 */
export function miniBatchWeights(
  { length }: Pick<Episodes, 'length'>,
  members: readonly number[],
  mask: Float64Array,
  { aggregation, meanOver, microBatch }: WeightRules,
): Float64Array {
  const weights = new Float64Array(mask.length);
  const size = meanOver === 'micro-batch' ? Math.max(1, microBatch) : members.length;
  const parts: number[][] = [];
  for (let i = 0; i < members.length; i += size) parts.push(members.slice(i, i + size));
  for (const part of parts) {
    const own = new Float64Array(part.length * length);
    part.forEach((i, row) => own.set(mask.subarray(i * length, (i + 1) * length), row * length));
    const found = lossWeights(own, length, aggregation, maskTotals(own, length));
    part.forEach((i, row) => {
      for (let t = 0; t < length; t += 1) weights[i * length + t] = found[row * length + t]! / parts.length;
    });
  }
  return weights;
}
