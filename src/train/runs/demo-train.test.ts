import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RagCache } from '../precompute/rag-cache';
import { baselineSettings } from './baselines';
import { requireRunConfig } from './config-schema';
import { DEMO_ANSWER_SETTINGS, DEMO_ANSWERS_FILE, DEMO_QUESTIONS_FILE, DEMO_TRAIN } from './demo-train';
import { createRunData, type DataStore } from './run-data';

const folder = join(import.meta.dirname, '../../../public/demo/train');
const text = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');

/** The recipe of the demo's own run. */
const recipe = join(import.meta.dirname, '../../../tools/demo-models/ppo/config.json');
const demoConfig = async () => requireRunConfig(JSON.parse(await readFile(recipe, 'utf8')));

/** A browser that holds an imported cache, and nothing else. */
function data(imported?: RagCache) {
  const store: DataStore = {
    questionSets: () => Promise.resolve([]),
    questionText: () => Promise.resolve(undefined),
    putQuestions: () => Promise.resolve(),
    removeQuestions: () => Promise.resolve(),
    journal: () => ({ read: () => Promise.resolve(''), append: () => Promise.resolve() }),
    journals: () => Promise.resolve([]),
    cacheText: () => Promise.resolve(imported?.toText()),
    putCacheText: () => Promise.resolve(),
  };
  return createRunData({
    ...{ store, now: () => '', newId: () => '' },
    builtIn: [{ id: DEMO_TRAIN, name: 'demo', fetch: () => text(DEMO_QUESTIONS_FILE) }],
    answered: [{ settings: DEMO_ANSWER_SETTINGS, fetch: () => text(DEMO_ANSWERS_FILE) }],
  });
}

test('plain RAG’s answer to every question of the demo’s run comes with it', async () => {
  const config = await demoConfig();
  expect(baselineSettings(config)).toEqual(DEMO_ANSWER_SETTINGS);
  const questions = await data().questions(DEMO_TRAIN);
  const known = await data().known(config);
  expect(questions.length).toBeGreaterThan(1000);
  expect(questions.filter(({ source, question }) => !known.get(source, question))).toEqual([]);
});

test('other settings have no answers of ours, and imported ones go before ours', async () => {
  const config = await demoConfig();
  expect((await data().known({ ...config, retrieval: 'bm25' })).size).toBe(0);
  const [question] = await data().questions(DEMO_TRAIN);
  if (!question) throw new Error('there are no questions');
  const own = RagCache.parse({ [question.source]: { [question.question]: { answer: 'mine', score: 1 } } });
  const known = await data(own).known(config);
  expect(known.get(question.source, question.question)?.answer).toBe('mine');
  expect(known.size).toBeGreaterThan(1000);
});
