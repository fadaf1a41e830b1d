import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { CorpusRecord } from '../../protocol/corpus';
import type { StoredModel } from '../../protocol/model-library';
import { describeWriteError } from './file-store';

/** Small records; large bytes lie in a `FileStore`. */
export interface Schema extends DBSchema {
  corpora: { key: string; value: CorpusRecord };
  models: { key: string; value: StoredModel };
  /** What the pages remember, under names of their own. */
  settings: { key: string; value: unknown };
}

export type Database = IDBPDatabase<Schema>;

const VERSION = 2;

/** Another tab may bring a newer version of the page: this one lets go and says so through `onClosed`, to be opened again at the next use. */
export function openDatabase(name = 's3-web', onClosed: () => void = () => undefined): Promise<Database> {
  return openDB<Schema>(name, VERSION, {
    upgrade(database, from) {
      if (from < 1) {
        database.createObjectStore('corpora', { keyPath: 'id' });
        database.createObjectStore('settings');
      }
      if (from < 2) database.createObjectStore('models', { keyPath: 'id' });
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
}

async function putStrictly<Name extends 'corpora' | 'models'>(
  database: Database,
  store: Name,
  record: Schema[Name]['value'],
): Promise<void> {
  try {
    const transaction = database.transaction(store, 'readwrite', { durability: 'strict' });
    await Promise.all([transaction.store.put(record), transaction.done]);
  } catch (error) {
    throw describeWriteError(error, 0);
  }
}

/** Resolves when the record is on the disk, not only in a buffer. */
export const putCorpus = (database: Database, record: CorpusRecord): Promise<void> =>
  putStrictly(database, 'corpora', record);

/** As `putCorpus`. */
export const putModel = (database: Database, record: StoredModel): Promise<void> =>
  putStrictly(database, 'models', record);
