/** What a store of runs is built on: records that are replaced whole and durably, and large files. */
import type { RunRecord, StepRecord } from '../records';
import type { StepSummary } from '../worker-api';

/** Small records. What resolves is on the disk; a record is replaced as a whole or not at all. */
export interface RunRecords {
  list(): Promise<RunRecord[]>;
  get(run: string): Promise<RunRecord | undefined>;
  put(record: RunRecord): Promise<void>;
  /** With its steps; nothing there is no error. */
  remove(run: string): Promise<void>;
  /** Replaces a step of this number. */
  putStep(run: string, step: StepRecord): Promise<void>;
  /** In order, from step `from` on. */
  steps(run: string, from: number): Promise<StepSummary[]>;
  step(run: string, step: number): Promise<StepRecord | undefined>;
  /** Forgets the steps after this one. */
  dropSteps(run: string, after: number): Promise<void>;
}

/** Large files by path; see `FileStore` in `platform/storage`. A file that is being replaced may be torn by a crash. */
export interface RunFiles {
  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  read(path: string): Promise<Uint8Array<ArrayBuffer> | null>;
  list(folder: string): Promise<string[]>;
  remove(path: string): Promise<void>;
}

export interface RunStoreParts {
  records: RunRecords;
  files: RunFiles;
  /** Where a run's checkpoints lie: the folder's path among `files`. */
  folder: (run: string) => string;
  /** ISO 8601. */
  now: () => string;
  newId: () => string;
  /** Hexadecimal. */
  sha256: (bytes: Uint8Array<ArrayBuffer>) => Promise<string>;
}
