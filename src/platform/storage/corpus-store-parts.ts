/** What a store of corpora is made of. */
import type { StorageEstimate } from '../../protocol/corpus';
import type { Database } from './database';
import type { RangedFileStore, StreamedFileStore } from './file-store';
import type { Locks } from './locks';

/** What the browser knows of the room it gives. */
export interface StorageQuota {
  estimate(): Promise<StorageEstimate>;
  persist(): Promise<boolean>;
}

export interface CorpusStoreParts {
  database: () => Promise<Database>;
  files: StreamedFileStore & Pick<RangedFileStore, 'open'>;
  locks: Locks;
  quota: StorageQuota;
  /** ISO 8601. */
  now: () => string;
  newId: () => string;
  sha256: (bytes: Uint8Array<ArrayBuffer>) => Promise<string>;
}
