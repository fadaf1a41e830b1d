/** What the service of training stands on: the browser's worker hands in all of it. */
import type { Clock } from '../../protocol/clock';
import type { OnProgress } from '../../protocol/retrieval';
import type { JournalFile } from '../precompute/journal';
import type { RagCache } from '../precompute/rag-cache';
import type { RunConfig, RunRecord, TrainingQuestion } from '../records';
import type { CheckpointContent } from './checkpoint-file';
import type { QuestionSet, RunExport, RunExportFormat } from '../worker-api';
import type { RunStore } from './run-store';
import type { TrainingEvent } from './training-run';
import type { OpenSession } from './session';

/** As `Locks` in `platform/storage`. */
export interface RunLocks {
  /** Runs the work if the name is free; returns whether it was. */
  tryHold(name: string, work: () => Promise<void>): Promise<boolean>;
  isHeld(name: string): Promise<boolean>;
}

/** Questions, and what plain RAG answers to them. */
export interface RunData {
  sets(): Promise<QuestionSet[]>;
  /** @throws AppError NOT_FOUND */
  questions(source: string): Promise<TrainingQuestion[]>;
  add(name: string, text: string): Promise<QuestionSet>;
  remove(id: string): Promise<void>;
  journal(config: RunConfig): JournalFile;
  /** What was imported. */
  imported(): Promise<RagCache>;
  /** What need not be found out for a run: what comes with the page for its very settings, and what was imported, which goes before. */
  known(config: RunConfig): Promise<RagCache>;
  setImported(cache: RagCache): Promise<void>;
  /** All that is known: what comes with the page, what was imported, and what was found out here. */
  everything(): Promise<RagCache>;
}

/** Tells other tabs of the same origin. */
export interface RunChannel {
  send(run: string, event: TrainingEvent): void;
  listen(listener: (run: string, event: TrainingEvent) => void): void;
}

export interface RunExporter {
  /** @throws AppError UNSUPPORTED, and what reading the model throws */
  (
    request: { record: RunRecord; content: CheckpointContent; format: Exclude<RunExportFormat, 'run'> },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<RunExport>;
}

export interface TrainingServiceParts {
  store: RunStore;
  data: RunData;
  locks: RunLocks;
  channel: RunChannel;
  open: OpenSession;
  exportModel: RunExporter;
  clock: Clock;
  now: () => string;
  /** Keeps the key of a public search service in memory. */
  useSearchKey?: (key: string) => void;
}
