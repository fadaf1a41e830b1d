/** From a score for each sequence to a reward for each token. */
import { maskedMean, type Values } from './masked';

export interface TokenRewardArguments {
  /** One for each sequence. */
  scores: Values;
  /** 1 on the tokens of the response, observations included; the score goes to the last of them. `[sequences, length]` */
  responseMask: Values;
  length: number;
  /** Penalty for each token: `coefficient · kl · mask`. `kl` is of the rollout's policy against the reference. */
  kl?: { values: Values; mask: Values; coefficient: number } | undefined;
}

/** Index of the last 1 of each row; −1 where there is none. */
export function lastPositions(mask: Values, length: number): number[] {
  const last: number[] = [];
  for (let start = 0; start < mask.length; start += length) {
    let t = start + length - 1;
    while (t >= start && mask[t] === 0) t -= 1;
    last.push(t < start ? -1 : t);
  }
  return last;
}

/** r[t] = score·[t = last] − β·kl[t]·m[t], `[sequences, length]` (Ziegler et al., arXiv 1909.08593, eq. 2). */
export function tokenRewards({ scores, responseMask, length, kl }: TokenRewardArguments): Float64Array {
  const rewards = new Float64Array(responseMask.length);
  if (kl) {
    for (let i = 0; i < rewards.length; i += 1) {
      if (kl.mask[i] !== 0) rewards[i] = -kl.coefficient * kl.values[i]! * kl.mask[i]!;
    }
  }
  lastPositions(responseMask, length).forEach((at, row) => {
    if (at >= 0) rewards[at]! += scores[row]!;
  });
  return rewards;
}

/** Mean over sequences of their mean KL: what the controller is told. Sequences without a token count as 0. */
export function sequenceMeanKl(kl: Values, mask: Values, length: number): number {
  const rows = mask.length / length;
  const part = (values: Values, row: number): Float64Array =>
    Float64Array.from({ length }, (_, t) => values[row * length + t]!);
  let sum = 0;
  for (let row = 0; row < rows; row += 1) sum += maskedMean(part(kl, row), part(mask, row));
  return sum / Math.max(1, rows);
}
