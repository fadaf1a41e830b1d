import type { CorpusEntry, StorageReport } from './laboratory';

/** What is stored, and by whose count. */
export interface StorageUse {
  bytes: number;
  by: 'browser' | 'page';
  /** What the corpora take: of `bytes` where the browser counts, else all of it. */
  corpora: number;
}

/**
 * The larger of both counts. Chromium's is too low once the browser was started again: it misses what was written through sync access handles
 * before. What the corpora are known to take says more then.
 */
export function storageUse(
  { usedBytes }: Pick<StorageReport, 'usedBytes'>,
  entries: readonly Pick<CorpusEntry, 'bytes' | 'builtIn'>[],
): StorageUse {
  const corpora = entries.reduce((sum, { builtIn, bytes }) => sum + (builtIn ? 0 : bytes), 0);
  return { bytes: Math.max(usedBytes, corpora), by: usedBytes >= corpora ? 'browser' : 'page', corpora };
}
