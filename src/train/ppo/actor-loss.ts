/** The actor's whole loss: clipped surrogate − c·entropy + β·KL, and its slopes by what the model computes. */
import { klLoss, type KlEstimator } from './kl';
import { maskedSum, type Values } from './masked';
import { policyLoss, type PolicyLoss, type PolicyLossArguments } from './policy-loss';

export interface ActorLossArguments extends PolicyLossArguments {
  /** In nats, `[sequences, length]`. */
  entropies: Values;
  entropyCoefficient: number;
  /** KL to the reference as a term of the loss. */
  kl?: { estimator: KlEstimator; coefficient: number; reference: Values } | undefined;
}

export interface ActorLoss {
  loss: number;
  policy: PolicyLoss;
  /** Σ w·H */
  entropy: number;
  /** Σ w·kl; 0 without a KL term. */
  kl: number;
  /** ∂loss/∂logProbs, ∂loss/∂entropies. */
  logProbGradient: Float64Array;
  entropyGradient: Float64Array;
}

export function actorLoss(a: ActorLossArguments): ActorLoss {
  const policy = policyLoss(a);
  const entropy = maskedSum(a.entropies, a.weights);
  const term = a.kl && klLoss(a.kl.estimator, a.logProbs, a.kl.reference, a.weights);
  const klCoefficient = a.kl?.coefficient ?? 0;
  const kl = term?.loss ?? 0;
  return {
    loss: policy.loss - a.entropyCoefficient * entropy + klCoefficient * kl,
    ...{ policy, entropy, kl },
    logProbGradient: policy.gradient.map((slope, i) => slope + klCoefficient * (term?.gradient[i] ?? 0)),
    entropyGradient: Float64Array.from(a.weights, (w) => -a.entropyCoefficient * w),
  };
}
