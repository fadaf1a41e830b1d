/** Runs in IndexedDB, in a database of their own: their records, steps, questions, and what plain RAG answered. Checkpoints lie in OPFS. */
import { openDB, type DBSchema, type IDBPDatabase, type IDBPObjectStore, type StoreNames } from 'idb';
import { describeWriteError } from './file-store';

interface Identified {
  id: string;
}

interface Numbered {
  step: number;
}

type StepKey = [run: string, step: number];

interface Schema extends DBSchema {
  runs: { key: string; value: Identified };
  steps: { key: StepKey; value: { run: string; summary: Numbered } };
  rollouts: { key: StepKey; value: { run: string; step: number; rollouts: unknown } };
  questionSets: { key: string; value: Identified };
  /** Under the id of their set, as JSON lines. */
  questions: { key: string; value: string };
  journals: { key: number; value: { journal: string; text: string }; indexes: { journal: string } };
  /** `imported`: a `rag_cache.json`, as text. */
  caches: { key: string; value: string };
}

type Database = IDBPDatabase<Schema>;

function openDatabase(name: string, onClosed: () => void): Promise<Database> {
  return openDB<Schema>(name, 1, {
    upgrade(database) {
      database.createObjectStore('runs', { keyPath: 'id' });
      database.createObjectStore('steps', { keyPath: ['run', 'summary.step'] });
      database.createObjectStore('rollouts', { keyPath: ['run', 'step'] });
      database.createObjectStore('questionSets', { keyPath: 'id' });
      database.createObjectStore('questions');
      database.createObjectStore('journals', { autoIncrement: true }).createIndex('journal', 'journal');
      database.createObjectStore('caches');
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
}

/** Every step of a run from `from` on. */
const stepsFrom = (run: string, from: number): IDBKeyRange => IDBKeyRange.bound([run, from], [run, Infinity]);

/** What it keeps is its user's: runs, steps with rollouts that are kept apart from them, and sets of questions. */
export class RunDatabase<
  Run extends Identified,
  Step extends Numbered & { rollouts: unknown },
  QuestionSet extends Identified,
> {
  readonly #name: string;
  #opened: Promise<Database> | null = null;

  constructor(name = 's3-web-runs') {
    this.#name = name;
  }

  async list(): Promise<Run[]> {
    return (await (await this.#database()).getAll('runs')) as Run[];
  }

  async get(run: string): Promise<Run | undefined> {
    return (await (await this.#database()).get('runs', run)) as Run | undefined;
  }

  put(record: Run): Promise<void> {
    return this.#write(['runs'], (open) => open('runs').put(record));
  }

  remove(run: string): Promise<void> {
    return this.#write(['runs', 'steps', 'rollouts'], async (open) => {
      await open('runs').delete(run);
      await open('steps').delete(stepsFrom(run, 0));
      await open('rollouts').delete(stepsFrom(run, 0));
    });
  }

  putStep(run: string, { rollouts, ...summary }: Step): Promise<void> {
    return this.#write(['steps', 'rollouts'], async (open) => {
      await open('steps').put({ run, summary });
      await open('rollouts').put({ run, step: summary.step, rollouts });
    });
  }

  async steps(run: string, from: number): Promise<Omit<Step, 'rollouts'>[]> {
    const found = await (await this.#database()).getAll('steps', stepsFrom(run, from));
    return found.map(({ summary }) => summary as unknown as Omit<Step, 'rollouts'>);
  }

  async step(run: string, step: number): Promise<Step | undefined> {
    const database = await this.#database();
    const [summary, kept] = await Promise.all([
      database.get('steps', [run, step]),
      database.get('rollouts', [run, step]),
    ]);
    if (!summary || !kept) return undefined;
    return { ...summary.summary, rollouts: kept.rollouts } as unknown as Step;
  }

  dropSteps(run: string, after: number): Promise<void> {
    return this.#write(['steps', 'rollouts'], async (open) => {
      await open('steps').delete(stepsFrom(run, after + 1));
      await open('rollouts').delete(stepsFrom(run, after + 1));
    });
  }

  async questionSets(): Promise<QuestionSet[]> {
    return (await (await this.#database()).getAll('questionSets')) as QuestionSet[];
  }

  async questionText(id: string): Promise<string | undefined> {
    return (await this.#database()).get('questions', id);
  }

  putQuestions(set: QuestionSet, text: string): Promise<void> {
    return this.#write(['questionSets', 'questions'], async (open) => {
      await open('questions').put(text, set.id);
      await open('questionSets').put(set);
    });
  }

  removeQuestions(id: string): Promise<void> {
    return this.#write(['questionSets', 'questions'], async (open) => {
      await open('questionSets').delete(id);
      await open('questions').delete(id);
    });
  }

  /** A text that only grows. */
  journal(journal: string): { read(): Promise<string>; append(text: string): Promise<void> } {
    return {
      read: async () => {
        const rows = await (await this.#database()).getAllFromIndex('journals', 'journal', journal);
        return rows.map(({ text }) => text).join('');
      },
      append: (text) => this.#write(['journals'], (open) => open('journals').add({ journal, text })),
    };
  }

  async journals(): Promise<string[]> {
    const rows = await (await this.#database()).getAll('journals');
    return [...new Set(rows.map(({ journal }) => journal))];
  }

  async cacheText(): Promise<string | undefined> {
    return (await this.#database()).get('caches', 'imported');
  }

  putCacheText(text: string): Promise<void> {
    return this.#write(['caches'], (open) => open('caches').put(text, 'imported'));
  }

  /** Opened at first use, and again after another tab has closed it. */
  #database(): Promise<Database> {
    this.#opened ??= openDatabase(this.#name, () => (this.#opened = null)).catch((error: unknown) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  /** Resolves when it is on the disk, not only in a buffer. @throws AppError STORAGE_FULL */
  async #write<Name extends StoreNames<Schema>>(
    names: Name[],
    work: (open: OpenStore<Name>) => Promise<unknown>,
  ): Promise<void> {
    try {
      const transaction = (await this.#database()).transaction(names, 'readwrite', { durability: 'strict' });
      const open = ((name: Name) => transaction.objectStore(name)) as OpenStore<Name>;
      await Promise.all([work(open), transaction.done]);
    } catch (error) {
      throw describeWriteError(error, 0);
    }
  }
}

type OpenStore<Name extends StoreNames<Schema>> = <One extends Name>(
  name: One,
) => IDBPObjectStore<Schema, Name[], One, 'readwrite'>;
