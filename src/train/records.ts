/** What a training run is made of: its configuration, its rollouts, the record of each step, its checkpoints. */
import type { WeightType } from '../protocol/model-import';
import type { ErrorEnvelope } from '../protocol/errors';
import type { RetrievalMode } from '../protocol/retrieval';
import type { TraceEvent } from '../protocol/trace';
import type { S3Settings } from '../agent/settings';
import type { LoraModule } from '../lm/lora/modules';
import type { PpoConfig } from './ppo/config';

/** What a rollout is rewarded for. */
export type RewardConfig =
  /** Gain beyond RAG. `paper`: acc_s3 − acc_rag (arXiv 2505.14146, eq. 3); `code`: 2·acc_s3 − acc_rag (`rag_2.py`). */
  | { kind: 'gain-beyond-rag'; form: 'paper' | 'code'; accuracy: AccuracyMeasure; format?: number }
  /**
   * How good the answer is, whatever plain RAG says (Search-R1: `em`). `format`, here and above: points for a well-formed transcript;
   * `search-r1`: the table of its version 0.3.
   */
  | { kind: 'answer'; accuracy: AccuracyMeasure; format?: number | 'search-r1' }
  /** DeepRetrieval's tiers. `literature`: of the recall of gold passages; `nq` and `squad`: of the rank of the first passage with an answer. */
  | { kind: 'recall-tiers'; format: boolean; tiers?: TierTable }
  /** What the user writes over the facts of a trace; see docs/rewards.md. */
  | { kind: 'formula'; formula: string; accuracy: AccuracyMeasure };

/** Default: `literature` where gold passages are known, else `nq`. */
export type TierTable = 'literature' | 'nq' | 'squad';

/** `genacc`: span check, then the judge; `span` and `judge`: one of them alone. */
export type AccuracyMeasure = 'genacc' | 'span' | 'judge' | 'em' | 'f1';

export interface RunConfig {
  format: 's3-web/run-config';
  version: 1;
  name: string;
  /** Name of the preset that `ppo` began from. */
  preset: string;
  searcher: {
    model: string;
    weights?: WeightType;
    /** Training goes on from this adapter. */ adapter?: string;
  };
  trained: { kind: 'adapter'; rank: number; alpha: number; modules: LoraModule[] } | { kind: 'model' };
  /** Rank of the critic's own adapter; 0: its head alone learns, on the untrained model's last hidden state. */
  criticRank: number;
  /** `searcher`: the untrained model itself. */
  generator: string;
  corpus: string;
  retrieval: RetrievalMode;
  questions: {
    source: string;
    limit: number | null;
    /** Leaves out what plain RAG solves, and yes/no questions. */ filter: boolean;
  };
  reward: RewardConfig;
  /** The agent whose searcher learns. Default: `s3`. */
  system?: TrainedSystem;
  agent: Partial<S3Settings>;
  ppo: PpoConfig;
  device: 'auto' | 'cpu' | 'webgpu';
}

/** Agents whose calls continue one another, so that an episode is one sequence. */
export const TRAINED_SYSTEMS = ['s3', 'search-r1', 'deepretrieval'] as const;
export type TrainedSystem = (typeof TRAINED_SYSTEMS)[number];

/** A question to learn from. `source` and `question` are the keys of the cache of plain RAG's answers. */
export interface TrainingQuestion {
  id: string;
  source: string;
  question: string;
  goldAnswers: string[];
  goldIds?: string[];
  hops?: number;
}

export interface RolloutReward {
  /** What the policy is given. */
  score: number;
  /** Of the answer from what the searcher found, 0 … 1. */
  accuracy: number;
  /** Of plain RAG's answer, from the cache; undefined where the reward does not use it. */
  baseline?: number;
  answer?: string;
  /** Whether every passage marked as gold reached the generator; undefined where none are known. */
  goldInContext?: boolean;
  /** Whether the transcript keeps to its protocol; undefined where the reward does not look. */
  wellFormed?: boolean;
  /** The step of the reward that it reached, for people; undefined for rewards without steps. */
  tier?: string;
}

/** One episode of the agent loop with its tokens. */
export interface Rollout {
  question: TrainingQuestion;
  events: TraceEvent[];
  reward: RolloutReward;
  /** Prompt (its last `lengths.start` tokens), then the policy's tokens and the observations in their order. */
  tokens: number[];
  promptLength: number;
  /** `[tokens.length]`: 1 where the policy chose the token. */
  actions: Uint8Array;
  /** `[tokens.length]`: log-probability by which each action was sampled, at the rollout's temperature; 0 elsewhere. */
  logProbs: Float32Array;
  /**
   * The log-probabilities are those of these very tokens after these very tokens, so that the trainer may rely on them; false or
   * absent where a text was tokenised anew or a prompt cut, and the trainer computes them itself.
   */
  exactLogProbs?: boolean;
  /** Why it could not be finished; it is left out of the step and counted. */
  failed?: ErrorEnvelope;
}

/** A rollout as the page shows it and the record keeps it. */
export interface RolloutRecord {
  questionId: string;
  question: string;
  goldAnswers: string[];
  reward: RolloutReward;
  events: TraceEvent[];
  /** The response's tokens as text, in order; `advantage` and `value` where the policy chose the token. */
  tokens: { text: string; action: boolean; advantage?: number; value?: number }[];
}

/** Metrics of a step. Groups and names are those of the charts; seconds, bytes and shares (0 … 1) as named. */
export const METRIC_GROUPS = {
  reward: ['score', 'accuracy', 'baselineAccuracy', 'gainShare', 'lossShare', 'formatShare'],
  policy: [
    'policyLoss',
    'entropy',
    'clipFraction',
    'approximateKl',
    'referenceKl',
    'klCoefficient',
    'ratioDeviation',
    'policyGradientNorm',
    'policyLearningRate',
  ],
  value: [
    'valueLoss',
    'explainedVariance',
    'valueClipFraction',
    'valueGradientNorm',
    'valueMean',
    'returnMean',
  ],
  search: [
    'turns',
    'searches',
    'selectedDocuments',
    'contextTokens',
    'responseTokens',
    'invalidActions',
    'goldInContext',
    'failedRollouts',
  ],
  system: [
    'rolloutSeconds',
    'rewardSeconds',
    'logProbSeconds',
    'criticSeconds',
    'actorSeconds',
    'checkpointSeconds',
    'stepSeconds',
    'rolloutTokensPerSecond',
    'trainTokensPerSecond',
    'liveBytes',
    'heapBytes',
    'samplerDeviation',
  ],
} as const;
export type MetricGroup = keyof typeof METRIC_GROUPS;
export type MetricName = (typeof METRIC_GROUPS)[MetricGroup][number];
/** What a recipe does not measure is left out. */
export type StepMetrics = Partial<Record<MetricName, number>>;

export interface StepRecord {
  /** From 1. */
  step: number;
  /** ISO 8601. */
  at: string;
  metrics: StepMetrics;
  /** Share of the step's rollouts in each tier of the reward, best tier first; of rewards with tiers. */
  tiers?: Record<string, number>;
  /** Some of the step's rollouts: the best and the worst first. */
  rollouts: RolloutRecord[];
}

/** Everything that the next step depends on, besides configuration and data; named as PEFT names tensors where it is an adapter. */
export interface TrainerState {
  tensors: { name: string; shape: readonly number[]; values: Float32Array }[];
  /** Updates made, KL coefficient, … */
  numbers: Record<string, number>;
}

export interface CheckpointInfo {
  step: number;
  at: string;
  bytes: number;
  sha256: string;
  /** Mean score of the step that it was taken after. */
  score?: number;
  /** Kept when newer ones come: a step that the configuration names, or one that the user keeps. */
  kept: boolean;
}

export type RunStatus = 'ready' | 'running' | 'paused' | 'finished' | 'stopped' | 'failed';

export interface RunRecord {
  id: string;
  config: RunConfig;
  createdAt: string;
  status: RunStatus;
  /** Steps done. */
  step: number;
  /** Questions taken so far, over all epochs. */
  cursor: number;
  /** The run and step that this one was forked from. */
  parent?: { run: string; step: number };
  checkpoints: CheckpointInfo[];
  error?: ErrorEnvelope;
}

/** Where a step is; `done` of `total` in the unit of the phase (rollouts, micro-batches). */
export interface TrainingProgress {
  step: number;
  phase: 'rollouts' | 'rewards' | 'reference' | 'values' | 'critic' | 'actor' | 'checkpoint';
  done: number;
  total: number;
}
