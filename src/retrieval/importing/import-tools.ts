/** What imports, updates and new indexes work with. */
import type { EncoderIdentity } from '../../protocol/corpus';
import type { EncoderRequest } from '../../protocol/encoder';
import { AppError, isAbort, throwIfAborted } from '../../protocol/errors';
import type { Encoder, OnProgress } from '../../protocol/retrieval';
import type { ImportPlan, StagedCorpus, StagingStore } from '../../protocol/staged-corpus';
import type { IndexTools } from '../build-vector-index';
import type { ReadOptions } from '../documents/read-passages';

export interface ImportTools {
  store: StagingStore;
  loadEncoder(
    request: EncoderRequest,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ encoder: Encoder; identity: EncoderIdentity }>;
  read?: Pick<ReadOptions, 'pdf' | 'limits' | 'chunking'> | undefined;
  now: () => string;
  /** Bytes of passages that are held in memory; more are read as they are needed. Default: 64 MiB. */
  passagesInMemory?: number | undefined;
  /** Builds graphs; without it there is no `hnsw`. */
  openUsearch?: IndexTools['openUsearch'];
}

export interface Watching {
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
  /** Stops it as soon as the files have been read, with what there is kept. */
  pause?: AbortSignal | undefined;
}

/** Told while another tab imports. */
export const waiting = ({ onProgress }: Watching) => ({
  onWait: () =>
    onProgress?.({ done: 0, total: 0, unit: 'files', label: 'Waiting for the import in another tab' }),
});

/** What work that can be paused goes by. */
export interface Pausing extends Pick<Watching, 'onProgress' | 'signal'> {
  /** Whether what is done is kept if it is stopped now. */
  isKept: () => boolean;
}

/** Work that `pause` stops as `signal` does, with the difference that what was done is kept. */
export async function pausable<T>(
  { onProgress, signal, pause }: Watching,
  work: (pausing: Pausing) => Promise<T>,
): Promise<T> {
  const either = signal && pause ? AbortSignal.any([signal, pause]) : (signal ?? pause);
  try {
    throwIfAborted(either);
    return await work({ onProgress, signal: either, isKept: () => !signal?.aborted });
  } catch (error) {
    if (!isAbort(error) || !pause?.aborted || signal?.aborted) throw error;
    throw new AppError('ABORTED', 'Paused.', { recoverable: true, context: { paused: true } });
  }
}

export function requirePlan({ plan }: StagedCorpus): ImportPlan {
  if (plan) return plan;
  throw new AppError('INTERNAL', 'The import has no plan.', { fix: 'Import the documents again.' });
}
