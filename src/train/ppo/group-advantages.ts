/** Advantages without a critic: from the scores of the rollouts of one question, or of the whole batch. */
import { maskedWhiten, type Values } from './masked';

/** The indices that have the same key, in order. */
function groupsOf(keys: readonly (string | number)[]): number[][] {
  const groups = new Map<string | number, number[]>();
  keys.forEach((key, i) => groups.set(key, [...(groups.get(key) ?? []), i]));
  return [...groups.values()];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export interface GrpoOptions {
  /** Divide by the group's deviation (GRPO); not in Dr. GRPO (arXiv 2503.20783). */
  normalise?: boolean;
  /** Added to the deviation: 1e-6 in verl, 1e-4 in TRL. */
  epsilon?: number;
}

/**
 * A = (s − mean_g)/(std_g + ε), unbiased deviation, one for each sequence (GRPO, arXiv 2402.03300, §4.1.2). A group of one has
 * mean 0 and deviation 1, as in verl.
 */
export function grpoAdvantages(
  scores: Values,
  keys: readonly (string | number)[],
  { normalise = true, epsilon = 1e-6 }: GrpoOptions = {},
): Float64Array {
  const advantages = new Float64Array(scores.length);
  for (const group of groupsOf(keys)) {
    const own = group.map((i) => scores[i]!);
    const centre = own.length > 1 ? mean(own) : 0;
    const variance =
      own.length > 1 ? own.reduce((sum, s) => sum + (s - centre) ** 2, 0) / (own.length - 1) : 1;
    const divisor = normalise ? Math.sqrt(variance) + epsilon : 1;
    for (const i of group) advantages[i] = (scores[i]! - centre) / divisor;
  }
  return advantages;
}

/** A = (s − mean of the others of the group); s itself where there are none (RLOO, arXiv 2402.14740). */
export function rlooAdvantages(scores: Values, keys: readonly (string | number)[]): Float64Array {
  const advantages = new Float64Array(scores.length);
  for (const group of groupsOf(keys)) {
    const n = group.length;
    const centre = mean(group.map((i) => scores[i]!));
    for (const i of group) advantages[i] = n > 1 ? ((scores[i]! - centre) * n) / (n - 1) : scores[i]!;
  }
  return advantages;
}

/** The advantage of a sequence on each of its tokens, 0 elsewhere; `[sequences, length]`. */
export const overTokens = (advantages: Values, mask: Values, length: number): Float64Array =>
  Float64Array.from(mask, (m, i) => m * advantages[Math.floor(i / length)]!);

export interface ReinforceArguments {
  /** Of the tokens, `[sequences, length]`. */
  rewards: Values;
  mask: Values;
  length: number;
  gamma: number;
}

/**
 * The discounted return of each token, whitened over the batch, 0 outside the mask (REINFORCE++, arXiv 2501.03262). As in verl, the
 * return starts anew after a masked position, so a tool's answer cuts it (verl issue 6376).
 */
export function reinforcePlusPlus({ rewards, mask, length, gamma }: ReinforceArguments): {
  advantages: Float64Array;
  returns: Float64Array;
} {
  const returns = new Float64Array(rewards.length);
  for (let start = 0; start < rewards.length; start += length) {
    let running = 0;
    for (let t = start + length - 1; t >= start; t -= 1) {
      running = rewards[t]! + gamma * running;
      returns[t] = running;
      running *= mask[t]!;
    }
  }
  const advantages = maskedWhiten(returns, mask).map((value, i) => value * mask[i]!);
  return { advantages, returns };
}

/** REINFORCE++ with the mean of the question's rollouts as baseline: s − mean_g on every token, whitened over the batch. */
export function reinforcePlusPlusBaseline(
  scores: Values,
  keys: readonly (string | number)[],
  mask: Values,
  length: number,
): Float64Array {
  const centred = grpoAdvantages(scores, keys, { normalise: false });
  return maskedWhiten(overTokens(centred, mask, length), mask).map((value, i) => value * mask[i]!);
}
