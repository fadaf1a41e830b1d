/** Everything that a recipe of policy optimisation fixes. */
import type { Aggregation } from './aggregate';
import type { KlEstimator } from './kl';
import type { KlController } from './kl-controller';

export type AdvantageConfig =
  /** `all`: observation tokens are steps like others (early verl); `skip`: they are passed over. */
  | { kind: 'gae'; gamma: number; lambda: number; observations: 'all' | 'skip' }
  | { kind: 'grpo'; normalise: boolean; epsilon: number }
  | { kind: 'rloo' }
  | { kind: 'reinforce++'; gamma: number; baseline: 'none' | 'group' };

/**
 * A mask over response tokens. `actions`: what the policy wrote; `response`: observations too; `shifted`: the same one token on, so
 * that the state after the last token counts (early verl's slice of the attention mask).
 */
export type TokenMask = 'actions' | 'response' | 'shifted';

export interface OptimiserConfig {
  learningRate: number;
  /** Linear, in steps of the run; see `publishedLearningRate`. */
  warmUpSteps: number;
  /** After so many steps the rate has fallen to 0, in a line from the first. Default: it stays. */
  annealSteps?: number;
}

export interface PpoConfig {
  advantage: AdvantageConfig;
  /** Over which tokens advantages are whitened; none where the estimator has its own scale. */
  whitening: TokenMask | 'none';
  /** Whitened together are the tokens of the whole step (the default), or those of each mini-batch by itself. */
  whitenEach?: 'step' | 'mini-batch';
  /** Where values exist, and where the critic learns. */
  valueMask: TokenMask;
  clip: { low: number; high: number; dual: number | undefined; logRatioLimit: number | undefined };
  valueClip: number;
  /** Factor on the value loss, before its gradient is clipped. Default 1. */
  valueCoefficient?: number;
  /** The score goes to the response's last token (the default), or to the state after it, which then needs the mask `shifted`. */
  scorePlace?: 'last' | 'after';
  entropyCoefficient: number;
  kl: { place: 'reward' | 'loss' | 'none'; estimator: KlEstimator; controller: KlController };
  aggregation: Aggregation;
  /** What the mean of a loss is taken over: each micro-batch (early verl), or the mini-batch, whatever its parts. */
  meanOver: 'micro-batch' | 'mini-batch';
  batch: {
    prompts: number;
    rolloutsPerPrompt: number;
    /** Prompts of one optimiser step. */
    miniBatch: number;
    /** Sequences of one pass; the parts of a mini-batch. */
    actorMicroBatch: number;
    criticMicroBatch: number;
    logProbMicroBatch: number;
    /** Passes over a batch. */
    epochs: number;
    shuffleMiniBatches: boolean;
  };
  actor: OptimiserConfig;
  /** Absent where no value is learned. */
  critic: OptimiserConfig | undefined;
  /** Steps in which only the critic learns. */
  criticWarmUpSteps: number;
  adamW: { beta1: number; beta2: number; epsilon: number; weightDecay: number };
  /** Gradients are scaled so that their norm is at most this. */
  gradientClip: number;
  /** The rollout's; log-probabilities and entropies are of logits ÷ temperature. */
  sampling: { temperature: number; topP: number };
  /** Tokens: of the prompt kept for training, of the model's window, of one turn, of one observation (0: there are none). */
  lengths: { start: number; prompt: number; response: number; observation: number };
  search: { maxTurns: number; topK: number };
  /** It ends with its epochs, or after so many steps (null: the epochs alone). */
  run: { epochs: number; steps: number | null; saveEvery: number; saveAt: readonly number[] };
  seed: number;
}
