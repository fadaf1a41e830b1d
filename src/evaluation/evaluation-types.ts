/**
 * An evaluation: systems × data sets × seeds. What it is asked to do, what it keeps of each question, what it reports, and the
 * interface by which a page or a command drives it. Shares and accuracies lie in 0 … 1, times in milliseconds unless a name says seconds.
 */
import type { S3Settings } from '../agent/settings';
import type { SystemSettings } from '../agent/systems';
import type { ErrorEnvelope } from '../protocol/errors';
import type { RetrievalMode } from '../protocol/retrieval';
import type { SystemId, TraceFile } from '../protocol/trace';
import type { Interval, PairedTest } from './significance';

/**
 * What counts as right. `span`: a gold answer's tokens stand in the answer; `judge`: a model says so; `genacc`: span, else judge;
 * `choice`: the answer settles on the gold option; `em`: exact match. `auto`: of multiple choice `judge` where there is a judge, else
 * `choice`; of anything else `genacc` where there is a judge, else `span`.
 */
export type AccuracyRule = 'auto' | 'span' | 'judge' | 'genacc' | 'choice' | 'em';

export interface EvaluatedSystem {
  /** Names the system in results and tables; each once. */
  label: string;
  system: SystemId;
  /** Instead of the evaluation's. */
  searcher?: string;
  generator?: string;
  /** On top of the evaluation's: s3's settings, and those of the other systems. */
  settings?: Partial<S3Settings>;
  parameters?: SystemSettings;
}

export const DATASET_FORMATS = [
  'flashrag',
  'verl',
  'jsonl',
  'hotpotqa',
  '2wikimultihopqa',
  'musique',
  'nq-open',
  'triviaqa',
  'popqa',
  'bamboogle',
  'mirage',
  'beir',
  'deepretrieval',
] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

export interface DatasetChoice {
  /** Names the set in results and tables; each once. */
  name: string;
  /** `demo:dev`, `demo:test`, a path, `hf:datasets/owner/name/path/to/file[@revision]`, `https://…`, or `file:NAME` for a file handed over. */
  source: string;
  /** Where the shape of the file is not to decide. */
  format?: DatasetFormat;
  /** Of a file with several: MIRAGE's `medqa`, …; BEIR's split. */
  part?: string;
  /** Instead of the evaluation's. */
  accuracy?: AccuracyRule;
}

export interface Sampling {
  /** Questions drawn; null: all. */
  limit: number | null;
  /** `set`: so many of each data set; `all`: so many over all of them, as evenly as they go. */
  per: 'set' | 'all';
  /** The same seed draws the same questions; null: the first ones. */
  seed: number | null;
}

/** US dollars for a million tokens. */
export interface Prices {
  prompt: number;
  completion: number;
}

export interface EvaluationConfig {
  format: 's3-web/evaluation-config';
  version: 1;
  name: string;
  systems: EvaluatedSystem[];
  datasets: DatasetChoice[];
  /** Every question is asked once for each. */
  seeds: number[];
  models: {
    searcher: string;
    generator: string;
    /** For `judge` and `genacc`; without one these are `choice` and `span` under `auto`, and refused where they are asked for. */
    judge?: string;
  };
  /** `demo`, or as the page and the command line name corpora. */
  corpus: string;
  /** `auto`: dense where the corpus has vectors. */
  retrieval: RetrievalMode | 'auto';
  sampling: Sampling;
  accuracy: AccuracyRule;
  /** s3's; every other system takes from it what concerns the answer. */
  settings: Partial<S3Settings>;
  parameters: SystemSettings;
  /** What every other system is compared with: a label. */
  reference: string;
  limits: EvaluationLimits;
  /** Of the generating models' tokens; without prices no cost is reported. */
  prices?: Prices;
}

export interface EvaluationLimits {
  /** Questions under way at once. */
  concurrency: number;
  /** Calls of models per minute at most; null: as they come. */
  requestsPerMinute: number | null;
  /** Tries of a question that fails for a reason that may pass, the first included. */
  attempts: number;
  /** Of one question; longer ones fail with `TIMEOUT`. */
  questionSeconds: number | null;
}

/** One question of a data set, as it is asked. */
export interface EvaluationQuestion {
  id: string;
  dataset: string;
  question: string;
  /** None where only what is found counts. */
  goldAnswers: string[];
  /** Ids of the passages that hold the answer, where the set names them. */
  goldIds?: string[];
  /** How relevant each of them is, where they differ. */
  relevance?: Record<string, number>;
  hops?: number;
  /** The set's own word for what sort of question it is: `bridge`, `comparison`. */
  kind?: string;
  /** Of multiple choice: letter → text; also written into the question. */
  options?: Record<string, string>;
}

/** What an evaluation took from a data set. */
export interface DatasetRecord {
  name: string;
  source: string;
  format: DatasetFormat;
  /** Questions that the set has. */
  available: number;
  /** Questions that are asked. */
  questions: number;
  accuracy: Exclude<AccuracyRule, 'auto'>;
  /** In sentences: duplicates left out, question marks added, rows that could not be read. */
  notes: string[];
}

/** Those of the answer are missing where the question has no gold answers. */
export interface QuestionMetrics {
  /** By the set's rule. */
  accuracy?: number;
  em?: number;
  f1?: number;
  /** Some normalised gold answer is a part of the normalised answer. */
  coverEm?: number;
  span?: number;
  /** Where a judge was asked; null: it gave no verdict, and counts as no. */
  judge?: number | null;
  /** Of multiple choice. */
  choice?: number;
  /** Where the question names its passages: of those in the context, or found where there is none. */
  retrieval?: RetrievalMetrics;
}

/** Of all documents found, in the order in which they came, each once; `inContext`: all gold passages were read by the answering model. */
export interface RetrievalMetrics {
  recall: number;
  ndcg: number;
  mrr: number;
  allGold: number;
  inContext: number;
}

export interface TokenCounts {
  /** Of the answering model's context; null for a system that answers by itself, which has none. */
  context: number | null;
  searcherPrompt: number;
  searcherCompletion: number;
  generatorPrompt: number;
  generatorCompletion: number;
  /** Some were estimated from characters. */
  estimated?: boolean;
}

/** Which question of which system: the unit that is run, stored and repeated. */
export interface ResultKey {
  /** Label of the system. */
  system: string;
  dataset: string;
  questionId: string;
  seed: number;
}

interface ResultBase extends ResultKey {
  /** From 1; a repeated question has a higher one. */
  attempt: number;
  /** ISO 8601. */
  startedAt: string;
  seconds: number;
  tokens: TokenCounts;
  /** Searches, the first one included. */
  searches: number;
  /** Turns in which the searcher wrote. */
  turns: number;
  /** Calls of models, the judge's not counted. */
  calls: number;
}

export type QuestionResult =
  | (ResultBase & { status: 'ok'; answer: string; metrics: QuestionMetrics; notes: string[] })
  | (ResultBase & { status: 'failed'; error: ErrorEnvelope });

export type EvaluationStatus = 'ready' | 'running' | 'stopped' | 'finished' | 'failed';

export interface EvaluationRecord {
  id: string;
  config: EvaluationConfig;
  /** ISO 8601. */
  createdAt: string;
  updatedAt: string;
  status: EvaluationStatus;
  datasets: DatasetRecord[];
  /** Systems × questions × seeds. */
  planned: number;
  ok: number;
  failed: number;
  /** Time spent running, over all stretches. */
  runningMs: number;
  /** Why nothing could be run at all; a failed question is no such reason. */
  error?: ErrorEnvelope;
  /** Its results come from a file. */
  imported?: true;
}

export interface EvaluationProgress {
  planned: number;
  ok: number;
  failed: number;
  /** Under way now. */
  running: ResultKey[];
  elapsedMs: number;
  /** Null until something is known of the speed. */
  remainingMs: number | null;
  bySystem: Record<string, { planned: number; ok: number; failed: number; accuracy: number | null }>;
}

export type EvaluationEvent =
  | { type: 'status'; record: EvaluationRecord }
  | { type: 'loading'; message: string; done?: number; total?: number }
  | { type: 'progress'; progress: EvaluationProgress }
  | { type: 'result'; result: QuestionResult };

/** What a run would take. Counts are what the systems do at most; tokens and time are guesses from what such runs took before. */
export interface EvaluationEstimate {
  questions: number;
  /** Systems × questions × seeds. */
  runs: number;
  searches: number;
  calls: number;
  promptTokens: number;
  completionTokens: number;
  /** Null where no speed is known. */
  minutes: number | null;
  /** In US dollars; null without prices. */
  cost: number | null;
  bySystem: Record<string, { runs: number; calls: number; searches: number }>;
}

export type ReportMetric = 'accuracy' | 'em' | 'f1' | 'coverEm' | 'span' | 'judge' | 'choice';
export type RetrievalMetric = keyof RetrievalMetrics;

export interface Percentiles {
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  mean: number;
}

/** One system on one data set, or over all of them. Means are over the questions that were answered, seeds of one question averaged first. */
export interface ReportCell {
  ok: number;
  failed: number;
  /** Not run yet. */
  pending: number;
  /** Bootstrap over questions, 95 %. Missing where nothing was measured. */
  metrics: Partial<Record<ReportMetric, Interval>>;
  retrieval: Partial<Record<RetrievalMetric, number>>;
  contextTokens: Percentiles | null;
  generatorTokens: Percentiles | null;
  searches: number;
  turns: number;
  secondsPerQuestion: number;
  tokens: number;
  /** In US dollars, of all its questions; null without prices. */
  cost: number | null;
  /** Answers that carry a note: a forced answer, a fallback. */
  noted: number;
}

export interface ReportRow {
  system: string;
  id: SystemId;
  /** For people: the system's title. */
  title: string;
  searcher: string | null;
  generator: string;
  datasets: Record<string, ReportCell>;
  /** Mean of the data sets' means, as the paper's column "Avg"; counts are sums. */
  overall: ReportCell;
}

/** Against the reference, on the questions that both answered. */
export interface ReportComparison extends PairedTest {
  system: string;
  /** Null: over all data sets, each with the same weight. */
  dataset: string | null;
  metric: 'accuracy' | 'em';
  questions: number;
}

export interface ReportTable {
  format: 's3-web/evaluation-report';
  version: 1;
  name: string;
  /** ISO 8601. */
  madeAt: string;
  /** Under what conditions, in sentences: models, corpus, sampling, seeds, what counts as right. */
  conditions: string[];
  datasets: DatasetRecord[];
  rows: ReportRow[];
  reference: string;
  comparisons: ReportComparison[];
}

export const EXPORT_FORMATS = [
  'csv',
  'json',
  'markdown',
  'latex',
  /** `{dataset}_output_sequences.json` of one system. */
  'output-sequences',
  /** `rag_cache.json`, of a naive-RAG system. */
  'rag-cache',
  /** The original's result file of one system: data set → question → answer and scores. */
  'results',
  /** The original's stats file of one system. */
  'stats',
  /** Everything, to be imported elsewhere: JSON lines. */
  'archive',
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface TextFile {
  name: string;
  text: string;
}

/** A file that the user chose; a data set's source names it `file:NAME`. */
export interface HandedFile {
  /** With its folders, where a folder was chosen: `scifact/qrels/test.tsv`. */
  name: string;
  blob: Blob;
}

/** Which results; everything given must hold. */
export interface ResultFilter {
  systems?: string[];
  datasets?: string[];
  status?: 'ok' | 'failed';
  /** The first is right and the second wrong on the same question and seed; gives the results of both. */
  rightWrong?: { right: string; wrong: string };
  hops?: number;
  /** Words of the question, in any case. */
  text?: string;
}

export interface ListedResult {
  question: EvaluationQuestion;
  result: QuestionResult;
}

/** Crosses a worker as it is: plain data, `AbortSignal`s and async iterables alone. */
export interface EvaluationApi {
  list(): Promise<EvaluationRecord[]>;
  get(id: string): Promise<EvaluationRecord>;
  /** Reads the data sets and stores what will be asked. @throws AppError `BAD_INPUT` in plain words for a config that cannot be run */
  create(config: unknown, files?: readonly HandedFile[], signal?: AbortSignal): Promise<EvaluationRecord>;
  /** Reads the data sets, stores nothing. */
  estimate(config: unknown, files?: readonly HandedFile[], signal?: AbortSignal): Promise<EvaluationEstimate>;
  /** Runs what has no result yet; resolves when nothing is left or it was stopped. A second call while it runs joins the first. */
  start(id: string): Promise<EvaluationRecord>;
  /** Resolves when nothing is under way any more. Questions under way are left undone and run again at the next start. */
  stop(id: string): Promise<EvaluationRecord>;
  /** As `start`, for what failed. */
  retryFailed(id: string): Promise<EvaluationRecord>;
  /** Begins with the state as it is; ends with the signal. */
  watch(id: string, signal?: AbortSignal): AsyncIterable<EvaluationEvent>;
  rename(id: string, name: string): Promise<EvaluationRecord>;
  remove(id: string): Promise<void>;
  questions(id: string): Promise<EvaluationQuestion[]>;
  /** The newest result of each question, system and seed; without traces. */
  results(id: string, filter?: ResultFilter): Promise<ListedResult[]>;
  /** Null where the result came without one. */
  trace(id: string, key: ResultKey): Promise<TraceFile | null>;
  report(id: string): Promise<ReportTable>;
  /** @param system label, for the formats of one system */
  export(id: string, format: ExportFormat, system?: string): Promise<TextFile[]>;
  /** An archive of ours, or result, output-sequence and cache files of the original's scripts: one evaluation. */
  import(name: string, files: readonly TextFile[]): Promise<EvaluationRecord>;
}

/** Which results are one and the same unit: a string for maps and stores. */
export const resultKeyText = ({ system, dataset, questionId, seed }: ResultKey): string =>
  JSON.stringify([system, dataset, questionId, seed]);
