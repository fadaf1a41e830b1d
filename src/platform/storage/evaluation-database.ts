/** Evaluations in IndexedDB, in a database of their own. A result and its trace are one transaction. */
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import { AppError } from '../../protocol/errors';
import type { EvaluationStore } from '../../protocol/evaluation-store';
import { describeWriteError } from './file-store';
import type { Locks } from './locks';

interface Schema extends DBSchema {
  evaluations: { key: string; value: { id: string; createdAt: number; record: unknown } };
  questions: { key: string; value: { id: string; questions: readonly unknown[] } };
  results: {
    key: number;
    value: { evaluation: string; key: string; result: unknown };
    indexes: { evaluation: string; key: [evaluation: string, key: string] };
  };
  /** Under the number of their result. */
  traces: { key: number; value: { trace: unknown } };
}

type Database = IDBPDatabase<Schema>;
const STORES: ('evaluations' | 'questions' | 'results' | 'traces')[] = [
  'evaluations',
  'questions',
  'results',
  'traces',
];

function openDatabase(name: string, onClosed: () => void): Promise<Database> {
  return openDB<Schema>(name, 1, {
    upgrade(database) {
      database.createObjectStore('evaluations', { keyPath: 'id' });
      database.createObjectStore('questions', { keyPath: 'id' });
      const results = database.createObjectStore('results', { autoIncrement: true });
      results.createIndex('evaluation', 'evaluation');
      results.createIndex('key', ['evaluation', 'key']);
      database.createObjectStore('traces');
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
}

export interface EvaluationDatabaseParts {
  locks: Locks;
  /** Milliseconds; orders the list. */
  now: () => number;
  name?: string;
}

export function openEvaluationDatabase({
  locks,
  now,
  name = 's3-web-evaluations',
}: EvaluationDatabaseParts): EvaluationStore {
  let opened: Promise<Database> | null = null;
  // Another tab may bring a newer version of the page: this one lets go, and opens it again at the next use.
  const database = (): Promise<Database> => {
    opened ??= openDatabase(name, () => (opened = null)).catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };

  async function stored(id: string): Promise<Schema['evaluations']['value']> {
    const found = await (await database()).get('evaluations', id);
    if (found) return found;
    throw new AppError('NOT_FOUND', 'There is no such evaluation on this device.', {
      fix: 'Choose another one; it was deleted, or the browser removed it.',
      context: { id },
    });
  }

  /** One transaction, on the disk when it resolves. */
  async function write(
    work: (transaction: IDBPTransaction<Schema, typeof STORES, 'readwrite'>) => Promise<unknown>,
  ): Promise<void> {
    try {
      const transaction = (await database()).transaction(STORES, 'readwrite', { durability: 'strict' });
      await Promise.all([work(transaction), transaction.done]);
    } catch (error) {
      throw describeWriteError(error, 0);
    }
  }

  return {
    async list() {
      const all = await (await database()).getAll('evaluations');
      all.sort((a, b) => a.createdAt - b.createdAt || a.id.localeCompare(b.id));
      return all.map(({ id, record }) => ({ id, record }));
    },

    record: async (id) => (await stored(id)).record,

    async create(id, record, questions) {
      await write(async (transaction) => {
        await transaction.objectStore('evaluations').add({ id, createdAt: now(), record });
        await transaction.objectStore('questions').put({ id, questions });
      });
    },

    async saveRecord(id, record) {
      const before = await stored(id);
      await write((transaction) => transaction.objectStore('evaluations').put({ ...before, record }));
    },

    async questions(id) {
      await stored(id);
      return [...((await (await database()).get('questions', id))?.questions ?? [])];
    },

    async append(id, { key, result }, trace) {
      await stored(id);
      await write(async (transaction) => {
        const number = await transaction.objectStore('results').add({ evaluation: id, key, result });
        if (trace !== null && trace !== undefined)
          await transaction.objectStore('traces').put({ trace }, number);
      });
    },

    async results(id) {
      const all = await (await database()).getAllFromIndex('results', 'evaluation', id);
      return all.map(({ key, result }) => ({ key, result }));
    },

    async trace(id, key) {
      const db = await database();
      const number = (await db.getAllKeysFromIndex('results', 'key', [id, key])).at(-1);
      return number === undefined ? null : ((await db.get('traces', number))?.trace ?? null);
    },

    async remove(id) {
      const numbers = await (await database()).getAllKeysFromIndex('results', 'evaluation', id);
      await write(async (transaction) => {
        await transaction.objectStore('evaluations').delete(id);
        await transaction.objectStore('questions').delete(id);
        for (const number of numbers) {
          await transaction.objectStore('results').delete(number);
          await transaction.objectStore('traces').delete(number);
        }
      });
    },

    exclusively: (id, work) => locks.tryHold(`s3:evaluation:${id}`, work),
  };
}
