/**
 * Estimators of KL(π ‖ π_ref) from one sampled token (Schulman, "Approximating KL divergence", 2020; verl `kl_penalty`), with their
 * derivatives by log π.
 */
import type { Values } from './masked';

export type KlEstimator = 'k1' | 'abs' | 'k2' | 'k3';

/** verl bounds k3 where the two policies are far apart. */
const K3_LOG_RATIO_LIMIT = 20;
const K3_LIMIT = 10;

const clamp = (x: number, limit: number): number => Math.min(limit, Math.max(-limit, x));

/** k1 = x − y, abs = |x − y|, k2 = ½(x − y)², k3 = e^(y−x) − (y − x) − 1, with x = log π, y = log π_ref. */
export function klEstimate(estimator: KlEstimator, x: number, y: number): number {
  switch (estimator) {
    case 'k1':
      return x - y;
    case 'abs':
      return Math.abs(x - y);
    case 'k2':
      return 0.5 * (x - y) ** 2;
    case 'k3': {
      const d = clamp(y - x, K3_LOG_RATIO_LIMIT);
      return clamp(Math.exp(d) - d - 1, K3_LIMIT);
    }
    default:
      return estimator satisfies never;
  }
}

/** ∂/∂x of `klEstimate`; 0 where a bound holds. */
export function klDerivative(estimator: KlEstimator, x: number, y: number): number {
  switch (estimator) {
    case 'k1':
      return 1;
    case 'abs':
      return Math.sign(x - y);
    case 'k2':
      return x - y;
    case 'k3': {
      const d = y - x;
      const isBounded = Math.abs(d) > K3_LOG_RATIO_LIMIT || Math.exp(d) - d - 1 > K3_LIMIT;
      return isBounded ? 0 : 1 - Math.exp(d);
    }
    default:
      return estimator satisfies never;
  }
}

/** The estimate at every position of the mask, 0 elsewhere. */
export const klValues = (
  estimator: KlEstimator,
  logProbs: Values,
  reference: Values,
  mask: Values,
): Float64Array =>
  Float64Array.from(mask, (m, i) => (m === 0 ? 0 : m * klEstimate(estimator, logProbs[i]!, reference[i]!)));

export interface KlLoss {
  /** Σ w·kl, without its coefficient. */
  loss: number;
  /** ∂loss/∂logProbs */
  gradient: Float64Array;
}

/** KL as a term of the loss (GRPO, arXiv 2402.03300, eq. 4). */
export function klLoss(estimator: KlEstimator, logProbs: Values, reference: Values, weights: Values): KlLoss {
  const gradient = new Float64Array(logProbs.length);
  let loss = 0;
  for (let i = 0; i < logProbs.length; i += 1) {
    const w = weights[i]!;
    if (w === 0) continue;
    loss += w * klEstimate(estimator, logProbs[i]!, reference[i]!);
    gradient[i] = w * klDerivative(estimator, logProbs[i]!, reference[i]!);
  }
  return { loss, gradient };
}
