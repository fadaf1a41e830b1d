/** Questions of a browser and what plain RAG answers to them: those that come with the page, and those that were brought in. */
import { AppError } from '../../protocol/errors';
import { PrecomputeJournal, type JournalFile } from '../precompute/journal';
import { RagCache } from '../precompute/rag-cache';
import type { QuestionSet } from '../worker-api';
import { baselineSettings, type BaselineSettings } from './baselines';
import { parseQuestions } from './question-file';
import type { RunData } from './service-parts';

/** As the database of runs has it. */
export interface DataStore {
  questionSets(): Promise<QuestionSet[]>;
  questionText(id: string): Promise<string | undefined>;
  putQuestions(set: QuestionSet, text: string): Promise<void>;
  removeQuestions(id: string): Promise<void>;
  journal(name: string): JournalFile;
  journals(): Promise<string[]>;
  cacheText(): Promise<string | undefined>;
  putCacheText(text: string): Promise<void>;
}

export interface RunDataParts {
  store: DataStore;
  /** Questions that come with the page, by id. */
  builtIn: readonly { id: string; name: string; fetch: () => Promise<string> }[];
  /** What plain RAG answers to them, each file for the settings that it was made with. */
  answered: readonly { settings: BaselineSettings; fetch: () => Promise<string> }[];
  now: () => string;
  newId: () => string;
}

export function createRunData({ store, builtIn, answered, now, newId }: RunDataParts): RunData {
  const imported = async (): Promise<RagCache> => {
    const text = await store.cacheText();
    return text === undefined ? new RagCache() : RagCache.parse(JSON.parse(text));
  };
  const shipped = async (name?: string): Promise<RagCache> => {
    const cache = new RagCache();
    for (const { settings, fetch } of answered) {
      if (name === undefined || nameOf(settings) === name) {
        cache.merge(RagCache.parse(JSON.parse(await fetch())));
      }
    }
    return cache;
  };
  return {
    async sets() {
      const own = builtIn.map(async ({ id, name, fetch }): Promise<QuestionSet> => {
        const text = await fetch();
        return { id, name, questions: text.split('\n').filter((line) => line.trim() !== '').length };
      });
      return [...(await Promise.all(own)), ...(await store.questionSets())];
    },
    async questions(source) {
      const text = await (builtIn.find(({ id }) => id === source)?.fetch() ?? store.questionText(source));
      if (text !== undefined) return parseQuestions(text, source);
      throw new AppError('NOT_FOUND', `There are no questions “${source}” on this device.`, {
        fix: 'Choose other questions, or bring these in again.',
      });
    },
    async add(name, text) {
      const id = newId();
      const { length } = parseQuestions(text, id);
      const set: QuestionSet = { id, name, questions: length, createdAt: now() };
      await store.putQuestions(set, text);
      return set;
    },
    remove: (id) => store.removeQuestions(id),
    journal: (config) => store.journal(nameOf(baselineSettings(config))),
    imported,
    async known(config) {
      const cache = await shipped(nameOf(baselineSettings(config)));
      cache.merge(await imported());
      return cache;
    },
    setImported: (cache) => store.putCacheText(cache.toText()),
    async everything() {
      const all = await shipped();
      for (const name of await store.journals()) {
        all.merge((await PrecomputeJournal.open(store.journal(name), settingsOf(name))).cache());
      }
      all.merge(await imported());
      return all;
    },
  };
}

/** A journal is named by what its answers depend on. */
const nameOf = (settings: BaselineSettings): string => JSON.stringify(settings);
const settingsOf = (name: string): BaselineSettings => JSON.parse(name) as BaselineSettings;
