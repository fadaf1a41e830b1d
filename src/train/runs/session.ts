/** What a run needs to have opened before its first step: the model that learns, and everything that its episodes touch. */
import type { LoraAdapter } from '../../lm/lora/adapter';
import type { ComputeDevice } from '../../protocol/lm-worker';
import type {
  StepMetrics,
  Rollout,
  RunConfig,
  TrainerState,
  TrainingProgress,
  TrainingQuestion,
} from '../records';

/** As `PpoTrainer` of `train/trainer` has it; a run needs no more of it. */
export interface RunTrainer {
  /** Done as a whole or not at all, whatever it throws, unless the device itself is lost. */
  step(
    rollouts: readonly Rollout[],
    options: { signal?: AbortSignal; onProgress?: (progress: TrainingProgress) => void },
  ): Promise<{ metrics: StepMetrics; advantages: Float32Array[]; values: Float32Array[] }>;
  /** The policy as it is now becomes what the rollouts sample from. */
  publish(): Promise<void>;
  read(): Promise<TrainerState>;
  restore(state: TrainerState): Promise<void>;
  /** For export. */
  adapter(): Promise<LoraAdapter>;
}

export interface CollectRequest {
  /** From 1. */
  step: number;
  signal: AbortSignal;
  /** Awaited before every search, so that a paused run stands still within an episode. */
  pass: () => Promise<void>;
  onProgress: (progress: { done: number; total: number }) => void;
}

export interface TrainingSession {
  /** What there is to learn from, filtered. */
  questions: readonly TrainingQuestion[];
  trainer: RunTrainer;
  /** A rollout for each question and repetition, in their order. */
  collect(questions: readonly TrainingQuestion[], request: CollectRequest): Promise<Rollout[]>;
  /** The text of each token. */
  texts(tokens: readonly number[]): string[];
  /** What all of it takes on the device at this moment, and the weights among it. */
  liveBytes(): number;
  weightBytes: number;
  /** What all of it was planned to take before the model was loaded. */
  plannedBytes: number;
  device: ComputeDevice;
  /** For people. */
  deviceName: string;
  dispose(): Promise<void>;
}

export interface OpenSessionOptions {
  signal: AbortSignal;
  onLoading: (label: string, done: number, total: number) => void;
}

/** @throws AppError among others NOT_FOUND, BAD_INPUT, OUT_OF_MEMORY, DEVICE_LOST, ABORTED; nothing stays open then */
export type OpenSession = (config: RunConfig, options: OpenSessionOptions) => Promise<TrainingSession>;
