import type { Clock } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type {
  FileSink,
  ImportReport,
  ImportSummary,
  OnImportProgress,
  WeightType,
} from '../../protocol/model-import';
import type { ModelSource } from './model-source';

export interface PlanImportOptions {
  source: ModelSource;
  /** Of the matrices. Default: as stored where the source has blocks, else `q4`. */
  weights?: WeightType;
  signal?: AbortSignal;
}

export interface ImportModelOptions extends PlanImportOptions {
  sink: FileSink;
  /** Lower-case hexadecimal SHA-256. Default: WebCrypto's. */
  sha256?: (bytes: Uint8Array<ArrayBuffer>) => Promise<string>;
  clock?: Clock;
  onProgress?: OnImportProgress;
}

/**
 * Reads config and tensor tables, no weights: what an import would do, transfer and need.
 * @throws AppError as `importModel`
 */
export function planImport(_options: PlanImportOptions): Promise<ImportSummary> {
  return Promise.reject(new AppError('UNSUPPORTED', 'Importing is not there yet.'));
}

/**
 * Turns a model into a pack in the sink: tensor by tensor, some rows at a time, quantised as they come. One piece of the source and one
 * shard are in memory, never more. After an error or an abort the sink keeps what is complete, and the same call goes on from there.
 * @throws AppError
 *   NOT_FOUND no such repository, revision or file · AUTH gated or private, a token is needed or was refused · RATE_LIMITED ·
 *   NETWORK offline, cut, or the server fails · TIMEOUT stalled · BAD_RESPONSE not a hub's answer · BAD_INPUT files that do not belong
 *   together · UNSUPPORTED architecture or type, by name · INTEGRITY damaged, or changed while it was read · STORAGE_FULL · PERMISSION ·
 *   ABORTED
 */
export function importModel(_options: ImportModelOptions): Promise<ImportReport> {
  return Promise.reject(new AppError('UNSUPPORTED', 'Importing is not there yet.'));
}
