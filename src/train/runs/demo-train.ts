/** The world that comes with the project to train in: its name in a run's configuration, and its files. */
import type { BaselineSettings } from './baselines';

export const DEMO_TRAIN = 'demo-train';
export const DEMO_QUESTIONS_FILE = 'questions.jsonl';
export const DEMO_ANSWERS_FILE = 'rag_cache.json';

/** What plain RAG answers over it is in `rag_cache.json`, as far as it was asked with these very settings. */
export const DEMO_ANSWER_SETTINGS: BaselineSettings = {
  generator: 'demo',
  corpus: DEMO_TRAIN,
  retrieval: 'dense',
  documents: 3,
  judge: 'span',
};
