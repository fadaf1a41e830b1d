/** What outlives a tab, in memory: a database, files and locks. A test that uses it imports `fake-indexeddb/auto` first. */
import { lazyDatabase } from '../../src/platform/storage/browser-storage';
import {
  createCorpusStore,
  type CorpusStoreParts,
  type StorageQuota,
} from '../../src/platform/storage/corpus-store';
import { MemoryFileStore } from '../../src/platform/storage/file-store';
import { createLocalLocks } from '../../src/platform/storage/locks';
import type { StagingStore } from '../../src/protocol/staged-corpus';
import { sha256Hex } from '../../src/retrieval/sha256';

/** A browser that has nothing of other pages, and so much room; 0: it does not say. */
export const quotaOf = (quotaBytes = 0): StorageQuota => ({
  estimate: () => Promise.resolve({ usedBytes: 0, quotaBytes, persisted: false }),
  persist: () => Promise.resolve(true),
});

let devices = 0;

export class MemoryDevice {
  readonly name = `memory-${++devices}`;
  readonly files: MemoryFileStore;
  /** Whoever is killed lets go of what it holds. */
  locks = createLocalLocks();

  constructor(files = new MemoryFileStore()) {
    this.files = files;
  }

  /** As a freshly opened page sees it. */
  reopen(parts: Partial<CorpusStoreParts> = {}): StagingStore {
    const { name, files, locks } = this;
    return createCorpusStore({
      ...{ database: lazyDatabase(name), files, locks, quota: quotaOf(), sha256: sha256Hex },
      now: () => new Date(Date.UTC(2026, 0, 1)).toISOString(),
      newId: () => crypto.randomUUID(),
      ...parts,
    });
  }
}
