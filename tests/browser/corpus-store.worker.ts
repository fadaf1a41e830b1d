/** A corpus store in a worker, as in the product, whose estimate of the room is wrong: another tab may have taken it since. */
import { serve } from '../../src/platform/rpc/connection';
import { lazyDatabase } from '../../src/platform/storage/browser-storage';
import { createCorpusStore } from '../../src/platform/storage/corpus-store';
import { browserLocks } from '../../src/platform/storage/locks';
import { OpfsFileStore } from '../../src/platform/storage/opfs-file-store';
import { sha256Hex } from '../../src/retrieval/sha256';

let next = 0;

serve(
  createCorpusStore({
    database: lazyDatabase('full-disk-test'),
    files: new OpfsFileStore(),
    locks: browserLocks,
    quota: {
      estimate: () => Promise.resolve({ usedBytes: 0, quotaBytes: 2 ** 40, persisted: false }),
      persist: () => Promise.resolve(false),
    },
    now: () => new Date().toISOString(),
    newId: () => `full-${++next}`,
    sha256: (bytes) => sha256Hex(bytes),
  }),
);
