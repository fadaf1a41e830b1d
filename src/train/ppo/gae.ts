/** Generalised advantage estimation (Schulman et al., arXiv 1506.02438, eq. 16), backwards over the tokens of each sequence. */
import type { Values } from './masked';

export interface GaeArguments {
  /** r, `[sequences, length]` */
  rewards: Values;
  /** V of the state before each token, already 0 where it is not to count. */
  values: Values;
  length: number;
  gamma: number;
  lambda: number;
  /**
   * Positions that are steps of the policy, `[sequences, length]`. Without it every position is one, observations and padding
   * included (early verl; s3, Search-R1, DeepRetrieval).
   */
  mask?: Values;
}

export interface Advantages {
  /** A, `[sequences, length]`, not whitened. */
  advantages: Float64Array;
  /** A + V, what the critic learns. */
  returns: Float64Array;
}

/**
 * δ = r[t] + γ·V[t+1] − V[t], A[t] = δ + γλ·A[t+1]. With a mask (verl since PR 2337) a masked position is passed over: it copies the
 * advantage of the next step, and the step before it bootstraps from the next step's value.
 */
export function gae({ rewards: r, values: V, length, gamma, lambda, mask }: GaeArguments): Advantages {
  const advantages = new Float64Array(r.length);
  const returns = new Float64Array(r.length);
  for (let start = 0; start < r.length; start += length) {
    let nextValue = 0;
    let next = 0;
    for (let t = start + length - 1; t >= start; t -= 1) {
      const m = mask ? mask[t]! : 1;
      const delta = r[t]! + gamma * nextValue - V[t]!;
      const current = delta + gamma * lambda * next;
      nextValue = m * V[t]! + (1 - m) * nextValue;
      next = m * current + (1 - m) * next;
      advantages[t] = next;
      returns[t] = next + V[t]!;
    }
  }
  return { advantages, returns };
}
