import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { CorpusRecord } from '../../protocol/corpus';
import { describeWriteError } from './file-store';

/** Small records; large bytes lie in a `FileStore`. */
export interface Schema extends DBSchema {
  corpora: { key: string; value: CorpusRecord };
  /** What the pages remember, under names of their own. */
  settings: { key: string; value: unknown };
}

export type Database = IDBPDatabase<Schema>;

const VERSION = 1;

/** Another tab may bring a newer version of the page: this one lets go and says so through `onClosed`, to be opened again at the next use. */
export function openDatabase(name = 's3-web', onClosed: () => void = () => undefined): Promise<Database> {
  return openDB<Schema>(name, VERSION, {
    upgrade(database, from) {
      if (from < 1) {
        database.createObjectStore('corpora', { keyPath: 'id' });
        database.createObjectStore('settings');
      }
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
}

/** Resolves when the record is on the disk, not only in a buffer. */
export async function putCorpus(database: Database, record: CorpusRecord): Promise<void> {
  try {
    const transaction = database.transaction('corpora', 'readwrite', { durability: 'strict' });
    await Promise.all([transaction.store.put(record), transaction.done]);
  } catch (error) {
    throw describeWriteError(error, 0);
  }
}
