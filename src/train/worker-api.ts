/**
 * What the worker of training offers to the page. Signals and callbacks are arguments of their own, so that they cross to a worker;
 * callbacks are handed over through `proxy`.
 */
import type { ImportFile } from '../protocol/corpus';
import type { ErrorEnvelope } from '../protocol/errors';
import type { ComputeDevice } from '../protocol/lm-worker';
import type { OnProgress } from '../protocol/retrieval';
import type {
  CheckpointInfo,
  RunConfig,
  RunRecord,
  StepMetrics,
  StepRecord,
  TrainingProgress,
} from './records';

/** A run of the list. */
export interface ListedRun extends RunRecord {
  /** Of everything that is stored of it. */
  bytes: number;
  /** `here`: this tab has it loaded; `elsewhere`: another tab has, and this one can only look on. */
  owner: 'none' | 'here' | 'elsewhere';
  /** It was `running` when its tab or device went away; `start` goes on from its last checkpoint. */
  interrupted: boolean;
}

/** Questions that a run can learn from. */
export interface QuestionSet {
  /** What `RunConfig.questions.source` names. */
  id: string;
  name: string;
  questions: number;
  /** ISO 8601; absent for what comes with the page. */
  createdAt?: string;
}

/** What the filter of the configuration leaves (arXiv 2505.14146 §4.1): shown with its counts. */
export interface FilterCounts {
  total: number;
  /** Left out: plain RAG answers them already. */
  solved: number;
  /** Left out: yes/no questions. */
  yesNo: number;
  /** Plain RAG's answer is not known yet: `precompute` finds it out. */
  unknown: number;
  /** What a run learns from. */
  left: number;
}

/** Measured by a probe: the model loaded, some rollouts and one micro-batch of each pass made at the configuration's sizes. */
export interface RunEstimate {
  secondsPerStep: number;
  /** Seconds of a step by phase; they add up to `secondsPerStep`. */
  phases: Partial<Record<TrainingProgress['phase'], number>>;
  /** Steps of the whole run; null where it does not end by itself. */
  steps: number | null;
  /** Peak of a step on the device, measured where the probe reached it, else planned. */
  bytes: number;
  /** Of the weights among them. */
  weightBytes: number;
  checkpointBytes: number;
  device: ComputeDevice;
  /** For people: the adapter, or `CPU (TypeScript)`. */
  deviceName: string;
  questions: FilterCounts;
}

export type RunEvent =
  /** The record changed: status, step, checkpoints, error. Sent once at the beginning, too. */
  | { type: 'status'; run: ListedRun }
  | { type: 'progress'; progress: TrainingProgress }
  /** What is got ready before the first step: weights, corpus, plain RAG's answers. */
  | { type: 'loading'; label: string; done: number; total: number }
  | { type: 'step'; step: StepRecord }
  /** Something to know that stops nothing: an older generation had to be used, the device was lost and opened again. */
  | { type: 'notice'; message: string };

export type RunListener = (event: RunEvent) => void;

/** A step without its rollouts, for the charts. */
export interface StepSummary {
  step: number;
  at: string;
  metrics: StepMetrics;
  /** As in `StepRecord`. */
  tiers?: Record<string, number>;
}

/** `peft`: two files that PEFT, transformers and vLLM load. `safetensors`: the whole model with the adapter merged in. `run`: everything, as one file. */
export const RUN_EXPORTS = ['peft', 'safetensors', 'run'] as const;
export type RunExportFormat = (typeof RUN_EXPORTS)[number];

/** To be saved as `name`: a tar of the files where there are several, a `.s3run` of a whole run. */
export interface RunExport {
  name: string;
  blob: Blob;
  /** What is inside. */
  files: { path: string; bytes: number }[];
}

/** A field of a configuration that cannot be used, and why, for people. */
export interface ConfigIssue {
  /** `ppo.batch.miniBatch`; empty for the whole. */
  path: string;
  message: string;
}

export interface TrainingApi {
  /** Newest first. */
  listRuns(): Promise<ListedRun[]>;
  /** @throws AppError NOT_FOUND */
  getRun(run: string): Promise<ListedRun>;
  /** A new run, `ready` at step 0. @throws AppError BAD_INPUT naming the field */
  createRun(config: RunConfig): Promise<ListedRun>;
  renameRun(run: string, name: string): Promise<ListedRun>;
  /** Frees everything of a run. @throws AppError BUSY where another tab has it, or it is running */
  deleteRun(run: string): Promise<void>;

  listQuestionSets(): Promise<QuestionSet[]>;
  /** JSON lines with `question`, `answers` (or `golden_answers`), and `id`, `gold`, `dataset`, `hops` where there are any. */
  importQuestions(file: ImportFile): Promise<QuestionSet>;
  deleteQuestionSet(id: string): Promise<void>;

  /** Answers what plain RAG has not answered yet, and keeps it; an abort keeps what is done. */
  precompute(config: RunConfig, onProgress?: OnProgress, signal?: AbortSignal): Promise<FilterCounts>;
  /** NCBI's API key for PubMed, from now on; kept in memory alone, empty for none. */
  useSearchKey(key: string): Promise<void>;
  /** What is known already; answers nothing. */
  filterCounts(config: RunConfig): Promise<FilterCounts>;
  /** `rag_cache.json` of all sets. */
  exportCache(): Promise<Blob>;
  /** Adds to what is known; returns how many answers are new. @throws AppError BAD_INPUT */
  importCache(file: Blob): Promise<number>;

  /** Loads what the configuration names, measures, and unloads. @throws AppError BUSY while a run is loaded */
  estimate(config: RunConfig, onProgress?: OnProgress, signal?: AbortSignal): Promise<RunEstimate>;

  /**
   * Loads the run (from its last checkpoint) and trains until it ends, is paused or stopped. Resolves when it is under way; how it
   * goes on is told to watchers. @throws AppError BUSY where another tab has the run or another run is loaded here
   */
  start(run: string): Promise<void>;
  /** Ends after what is being done now (a rollout, a micro-batch); the step is finished when it goes on. The model stays loaded. */
  pause(run: string): Promise<void>;
  /** From paused, or loading it first: one step, then paused. */
  singleStep(run: string): Promise<void>;
  /** From paused; as `start` where it is not loaded. */
  resume(run: string): Promise<void>;
  /** Saves a checkpoint after the last whole step, frees the device. `start` can go on from it. */
  stop(run: string): Promise<void>;
  /** A new run that begins at a checkpoint of this one (`step` 0: at its beginning), with some of its configuration changed. */
  fork(run: string, step: number, config: RunConfig): Promise<ListedRun>;

  /** Tells what happens to a run, in whichever tab, until the signal fires; resolves then. */
  watch(run: string, listener: RunListener, signal: AbortSignal): Promise<void>;

  /** All steps from `from` (default 1) on. */
  steps(run: string, from?: number): Promise<StepSummary[]>;
  /** One step with its rollouts. @throws AppError NOT_FOUND */
  step(run: string, step: number): Promise<StepRecord>;

  /** Saves one now, after the last whole step. */
  saveCheckpoint(run: string): Promise<CheckpointInfo>;
  keepCheckpoint(run: string, step: number, kept: boolean): Promise<ListedRun>;
  /** @throws AppError BAD_INPUT for the only one that the run could go on from */
  deleteCheckpoint(run: string, step: number): Promise<ListedRun>;

  /** `step`: of a checkpoint; default the newest. @throws AppError NOT_FOUND, INTEGRITY, UNSUPPORTED */
  exportRun(
    run: string,
    format: RunExportFormat,
    step?: number,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<RunExport>;
  /** A `.s3run` file. Comes under a new id where its own is taken. @throws AppError BAD_INPUT, INTEGRITY, STORAGE_FULL */
  importRun(file: Blob): Promise<ListedRun>;
}

/** What `start` and the like refuse with is an `AppError`; what ends a run under way lies in its record as this. */
export type RunFailure = ErrorEnvelope;
