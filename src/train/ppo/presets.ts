/** The recipes of the papers, number by number, and one for a single GPU. */
import type { PpoConfig } from './config';

const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

/** s3, `scripts/train/train_s3.sh` over `ppo_trainer.yaml` (arXiv 2505.14146): 8-3-3, checkpoint of interest at step 20. */
const s3: PpoConfig = {
  advantage: { kind: 'gae', gamma: 1, lambda: 1, observations: 'all' },
  whitening: 'response',
  valueMask: 'shifted',
  clip: { low: 0.2, high: 0.2, dual: undefined, logRatioLimit: undefined },
  valueClip: 0.5,
  entropyCoefficient: 0.001,
  kl: { place: 'reward', estimator: 'k1', controller: { kind: 'fixed', coefficient: 0.001 } },
  aggregation: 'token-mean',
  meanOver: 'micro-batch',
  batch: {
    ...{ prompts: 120, rolloutsPerPrompt: 1, miniBatch: 30 },
    ...{ actorMicroBatch: 15, criticMicroBatch: 10, logProbMicroBatch: 30 },
    ...{ epochs: 1, shuffleMiniBatches: false },
  },
  actor: { learningRate: 1e-6, warmUpSteps: 0 },
  // 0.01 of 1500 steps.
  critic: { learningRate: 1e-5, warmUpSteps: 15 },
  criticWarmUpSteps: 0,
  adamW,
  gradientClip: 1,
  sampling: { temperature: 0.6, topP: 0.95 },
  lengths: { start: 2000, prompt: 8000, response: 500, observation: 1400 },
  // The published loop runs one turn more than its `max_turns`, and one last generation without a search.
  search: { maxTurns: 3, topK: 8 },
  run: { epochs: 4, steps: 1500, saveEvery: 50, saveAt: [20] },
  seed: 42,
};

/** Search-R1 v0.2 with PPO (arXiv 2503.09516): its scripts, 1005 steps at most. */
const searchR1: PpoConfig = {
  ...s3,
  batch: {
    ...s3.batch,
    ...{ prompts: 512, miniBatch: 256, actorMicroBatch: 64, criticMicroBatch: 8, logProbMicroBatch: 64 },
  },
  // Warm-up ratios 0.285 and 0.015 of 1005 steps.
  actor: { learningRate: 1e-6, warmUpSteps: 286 },
  critic: { learningRate: 1e-5, warmUpSteps: 15 },
  sampling: { temperature: 1, topP: 1 },
  lengths: { start: 2048, prompt: 4096, response: 500, observation: 500 },
  search: { maxTurns: 4, topK: 3 },
  run: { epochs: 15, steps: 1005, saveEvery: 100, saveAt: [] },
};

/** Search-R1 v0.2 with GRPO: five rollouts a question, k3 in the loss, no critic. */
const searchR1Grpo: PpoConfig = {
  ...searchR1,
  advantage: { kind: 'grpo', normalise: true, epsilon: 1e-6 },
  whitening: 'none',
  kl: { place: 'loss', estimator: 'k3', controller: { kind: 'fixed', coefficient: 0.001 } },
  batch: { ...searchR1.batch, rolloutsPerPrompt: 5 },
  critic: undefined,
  sampling: { temperature: 1, topP: 0.95 },
};

/** DeepRetrieval, PubMed search (arXiv 2503.00223, `scripts/train`): one call, no observations. */
const deepRetrieval: PpoConfig = {
  ...s3,
  batch: {
    ...s3.batch,
    ...{ prompts: 64, miniBatch: 16, actorMicroBatch: 8, criticMicroBatch: 8, logProbMicroBatch: 8 },
  },
  critic: { learningRate: 1e-5, warmUpSteps: 0 },
  sampling: { temperature: 1, topP: 1 },
  lengths: { start: 500, prompt: 500, response: 500, observation: 0 },
  search: { maxTurns: 1, topK: 3000 },
  // Its scripts bound the epochs only.
  run: { epochs: 10, steps: null, saveEvery: 50, saveAt: [] },
};

/**
 * For one GPU and an adapter: observations are passed over in every term, means are over the mini-batch, and far ratios are bounded,
 * as current verl does. Adapters take learning rates about a hundred times those of whole models.
 */
const smallGpu: PpoConfig = {
  ...s3,
  advantage: { kind: 'gae', gamma: 1, lambda: 1, observations: 'skip' },
  whitening: 'actions',
  valueMask: 'actions',
  clip: { low: 0.2, high: 0.2, dual: 3, logRatioLimit: 20 },
  meanOver: 'mini-batch',
  batch: {
    ...{ prompts: 16, rolloutsPerPrompt: 1, miniBatch: 8 },
    ...{ actorMicroBatch: 1, criticMicroBatch: 1, logProbMicroBatch: 1 },
    ...{ epochs: 1, shuffleMiniBatches: false },
  },
  actor: { learningRate: 1e-4, warmUpSteps: 2 },
  critic: { learningRate: 3e-4, warmUpSteps: 2 },
  lengths: { start: 1000, prompt: 2048, response: 200, observation: 600 },
  search: { maxTurns: 3, topK: 8 },
  run: { epochs: 4, steps: 200, saveEvery: 5, saveAt: [] },
};

/** verl's own defaults as of January 2026 (`ppo_trainer.yaml`): PPO without a reference, observations passed over. */
const verl2026: PpoConfig = {
  ...s3,
  advantage: { kind: 'gae', gamma: 1, lambda: 1, observations: 'skip' },
  whitening: 'actions',
  valueMask: 'actions',
  clip: { low: 0.2, high: 0.2, dual: 3, logRatioLimit: 20 },
  entropyCoefficient: 0,
  kl: { place: 'none', estimator: 'k3', controller: { kind: 'fixed', coefficient: 0.001 } },
  meanOver: 'mini-batch',
  batch: {
    ...{ prompts: 1024, rolloutsPerPrompt: 1, miniBatch: 256 },
    // Its passes are packed by tokens, as ours are.
    ...{ actorMicroBatch: 256, criticMicroBatch: 256, logProbMicroBatch: 256 },
    ...{ epochs: 1, shuffleMiniBatches: false },
  },
  critic: { learningRate: 1e-5, warmUpSteps: 0 },
  sampling: { temperature: 1, topP: 1 },
  lengths: { start: 512, prompt: 4096, response: 512, observation: 512 },
  run: { epochs: 30, steps: null, saveEvery: 50, saveAt: [] },
};

/**
 * TRL's PPO (experimental, 2026): four epochs over one mini-batch, λ 0.95, KL in the reward, no entropy bonus. It has one loss and one
 * optimiser for policy and value; here each is clipped by itself. The number of prompts is its user's.
 */
const trlPpo: PpoConfig = {
  ...s3,
  advantage: { kind: 'gae', gamma: 1, lambda: 0.95, observations: 'all' },
  scorePlace: 'after',
  valueClip: 0.2,
  valueCoefficient: 0.1,
  entropyCoefficient: 0,
  kl: { place: 'reward', estimator: 'k1', controller: { kind: 'fixed', coefficient: 0.05 } },
  meanOver: 'mini-batch',
  batch: {
    ...{ prompts: 64, rolloutsPerPrompt: 1, miniBatch: 64 },
    ...{ actorMicroBatch: 64, criticMicroBatch: 64, logProbMicroBatch: 64 },
    ...{ epochs: 4, shuffleMiniBatches: true },
  },
  actor: { learningRate: 3e-6, warmUpSteps: 0 },
  critic: { learningRate: 3e-6, warmUpSteps: 0 },
  adamW: { ...adamW, weightDecay: 0 },
  sampling: { temperature: 0.7, topP: 1 },
  lengths: { start: 512, prompt: 4096, response: 53, observation: 512 },
  run: { epochs: 1, steps: null, saveEvery: 50, saveAt: [] },
};

/** TRL's GRPO: eight completions a prompt, no KL, no reference, the mean over all tokens of the batch (its loss `dapo`). */
const trlGrpo: PpoConfig = {
  ...trlPpo,
  advantage: { kind: 'grpo', normalise: true, epsilon: 1e-4 },
  whitening: 'none',
  scorePlace: 'last',
  kl: { place: 'none', estimator: 'k3', controller: { kind: 'fixed', coefficient: 0 } },
  batch: {
    ...{ prompts: 8, rolloutsPerPrompt: 8, miniBatch: 8 },
    ...{ actorMicroBatch: 64, criticMicroBatch: 64, logProbMicroBatch: 64 },
    ...{ epochs: 1, shuffleMiniBatches: false },
  },
  actor: { learningRate: 1e-6, warmUpSteps: 0 },
  critic: undefined,
  sampling: { temperature: 1, topP: 1 },
  lengths: { start: 512, prompt: 4096, response: 512, observation: 512 },
};

/**
 * CleanRL's `ppo.py`, the reference for games: four epochs of four mini-batches, advantages whitened in each of them, rates that fall
 * to 0. Its batch is 4 × 128 transitions in any order; here mini-batches are of whole episodes.
 */
const cleanrl: PpoConfig = {
  ...trlPpo,
  advantage: { kind: 'gae', gamma: 0.99, lambda: 0.95, observations: 'skip' },
  ...{ whitening: 'actions', whitenEach: 'mini-batch', valueMask: 'actions', scorePlace: 'last' },
  ...{ valueClip: 0.2, valueCoefficient: 0.5, entropyCoefficient: 0.01, gradientClip: 0.5 },
  kl: { place: 'none', estimator: 'k1', controller: { kind: 'fixed', coefficient: 0 } },
  batch: {
    ...{ prompts: 64, rolloutsPerPrompt: 1, miniBatch: 16 },
    ...{ actorMicroBatch: 16, criticMicroBatch: 16, logProbMicroBatch: 16 },
    ...{ epochs: 4, shuffleMiniBatches: true },
  },
  // 500,000 transitions in batches of 512.
  actor: { learningRate: 2.5e-4, warmUpSteps: 0, annealSteps: 976 },
  critic: { learningRate: 2.5e-4, warmUpSteps: 0, annealSteps: 976 },
  adamW: { ...adamW, epsilon: 1e-5, weightDecay: 0 },
  sampling: { temperature: 1, topP: 1 },
  run: { epochs: 1, steps: 976, saveEvery: 50, saveAt: [] },
};

export const PRESETS = {
  s3,
  'search-r1': searchR1,
  'search-r1-grpo': searchR1Grpo,
  deepretrieval: deepRetrieval,
  'small-gpu': smallGpu,
  'verl-2026': verl2026,
  'trl-ppo': trlPpo,
  'trl-grpo': trlGrpo,
  cleanrl,
} as const satisfies Record<string, PpoConfig>;

export type PresetName = keyof typeof PRESETS;
