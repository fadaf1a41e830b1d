/** The clipped surrogate objective of PPO (Schulman et al., arXiv 1707.06347, eq. 7), as a loss, with its gradient. */
import { maskedMean, type Values } from './masked';

export interface PolicyLossArguments {
  /** log π(a|s) now, and when the rollout was made; `[sequences, length]`. */
  logProbs: Values;
  oldLogProbs: Values;
  advantages: Values;
  /** 1 on the tokens that the policy chose. */
  mask: Values;
  /** Of `lossWeights`: the loss is Σ w·l. */
  weights: Values;
  /** ε below and above 1; one number in the paper. */
  clipLow: number;
  clipHigh: number;
  /** c of dual clip (Ye et al., arXiv 1912.09729, eq. 5): where A < 0 the loss is at most −A·c. Off by default. */
  dualClip?: number | undefined;
  /** The log-ratio is clamped to ± this; 20 in verl since 2025, not at all before. */
  logRatioLimit?: number | undefined;
}

export interface PolicyLoss {
  loss: number;
  /** ∂loss/∂logProbs, `[sequences, length]`. */
  gradient: Float64Array;
  /** ρ = π/π_old, `[sequences, length]`. */
  ratio: Float64Array;
  /** Share of the tokens whose clipped term is the larger loss. */
  clipFraction: number;
  /** Share of the tokens that dual clip bounds. */
  dualClipFraction: number;
  /** KL(π_old ‖ π) by k1 and k3 over the mask (Schulman, "Approximating KL divergence"). */
  approximateKl: number;
  approximateKlK3: number;
}

/** Σ w·max(−A·ρ, −A·clip(ρ, 1−ε, 1+ε)) */
export function policyLoss(a: PolicyLossArguments): PolicyLoss {
  const { logProbs, oldLogProbs, advantages, mask, weights, dualClip, logRatioLimit: limit = Infinity } = a;
  const count = logProbs.length;
  const gradient = new Float64Array(count);
  const ratio = new Float64Array(count);
  const clipped = new Float64Array(count);
  const dual = new Float64Array(count);
  const k1 = new Float64Array(count);
  const k3 = new Float64Array(count);
  let loss = 0;
  for (let i = 0; i < count; i += 1) {
    if (mask[i] === 0) continue;
    const difference = logProbs[i]! - oldLogProbs[i]!;
    const logRatio = Math.min(limit, Math.max(-limit, difference));
    const rho = Math.exp(logRatio);
    const A = advantages[i]!;
    const plain = -A * rho;
    const bounded = -A * Math.min(1 + a.clipHigh, Math.max(1 - a.clipLow, rho));
    let term = Math.max(plain, bounded);
    // Inside the clip range both terms are the same; outside it the bounded one has no slope.
    let slope = bounded > plain || logRatio !== difference ? 0 : plain;
    if (dualClip !== undefined && A < 0 && term > -A * dualClip) {
      term = -A * dualClip;
      slope = 0;
      dual[i] = 1;
    }
    loss += weights[i]! * term;
    gradient[i] = weights[i]! * slope;
    ratio[i] = rho;
    clipped[i] = bounded > plain ? 1 : 0;
    k1[i] = -logRatio;
    k3[i] = rho - 1 - logRatio;
  }
  return {
    ...{ loss, gradient, ratio },
    clipFraction: maskedMean(clipped, mask),
    dualClipFraction: maskedMean(dual, mask),
    approximateKl: maskedMean(k1, mask),
    approximateKlK3: maskedMean(k3, mask),
  };
}
