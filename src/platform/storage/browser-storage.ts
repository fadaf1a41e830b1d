/** The stores of a browser tab or worker. */
import { AppError } from '../../protocol/errors';
import type { StagingStore } from '../../protocol/staged-corpus';
import type { ModelStore } from '../../protocol/model-library';
import { createCorpusStore, type StorageQuota } from './corpus-store';
import { openDatabase, type Database } from './database';
import { hasOpfs, OpfsFileStore } from './opfs-file-store';
import { browserLocks, createLocalLocks, type Locks } from './locks';
import { createModelExports, type OpenExport } from './model-export';
import { createModelStore } from './model-store';

export const browserQuota: StorageQuota = {
  async estimate() {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    return { usedBytes: usage, quotaBytes: quota, persisted: await navigator.storage.persisted() };
  },
  // Workers have no `persist`; there the page has to ask.
  persist: async () => {
    const storage: Partial<StorageManager> = navigator.storage;
    return (await storage.persist?.()) ?? navigator.storage.persisted();
  },
};

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function requireStorage(): void {
  if (typeof indexedDB !== 'undefined' && hasOpfs()) return;
  throw new AppError('UNSUPPORTED', 'This browser cannot keep files for this page.', {
    fix: 'Open the page over https or as http://localhost, outside of a private window.',
  });
}

/** One database connection per name and thread, opened at first use and again after another tab has closed it. */
export function lazyDatabase(name?: string): () => Promise<Database> {
  let opened: Promise<Database> | null = null;
  return () => {
    opened ??= openDatabase(name, () => (opened = null)).catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };
}

const locksHere = (): Locks => ('locks' in navigator ? browserLocks : createLocalLocks());

/** Corpora in IndexedDB and OPFS. Throws `UNSUPPORTED` where the browser has neither. */
export function browserCorpusStore(name?: string): StagingStore {
  requireStorage();
  return createCorpusStore({
    database: lazyDatabase(name),
    files: new OpfsFileStore(),
    locks: locksHere(),
    quota: browserQuota,
    now: () => new Date().toISOString(),
    newId: () => crypto.randomUUID(),
    sha256,
  });
}

/** Language models in IndexedDB and OPFS. Throws `UNSUPPORTED` where the browser has neither. */
export function browserModelStore(name?: string): ModelStore {
  requireStorage();
  return createModelStore({
    database: lazyDatabase(name),
    files: new OpfsFileStore(),
    locks: locksHere(),
    estimate: () => browserQuota.estimate(),
    now: () => new Date().toISOString(),
  });
}

/** Exported models: into a folder of the user's, or as an archive on the disk. */
export function browserModelExports(): OpenExport {
  return createModelExports({
    files: new OpfsFileStore(),
    locks: locksHere(),
    estimate: () => browserQuota.estimate(),
    newId: () => crypto.randomUUID(),
    now: () => Date.now(),
  });
}
