/** Evaluations that people run often. */
import { SYSTEM_IDS } from '../protocol/trace';

/** FlashRAG's copies of the six general sets, in the splits that s3 tests on. */
const FLASHRAG = 'hf:datasets/RUC-NLPIR/FlashRAG_datasets';
export const GENERAL_SETS = [
  { name: 'nq', source: `${FLASHRAG}/nq/test.jsonl` },
  { name: 'triviaqa', source: `${FLASHRAG}/triviaqa/test.jsonl` },
  { name: 'popqa', source: `${FLASHRAG}/popqa/test.jsonl` },
  { name: 'hotpotqa', source: `${FLASHRAG}/hotpotqa/dev.jsonl` },
  { name: '2wikimultihopqa', source: `${FLASHRAG}/2wikimultihopqa/dev.jsonl` },
  { name: 'musique', source: `${FLASHRAG}/musique/dev.jsonl` },
] as const;

export const EVALUATION_PRESETS = {
  /** Whether a reproduction is on its way: ten questions over the six general sets, accuracy and EM per set and overall. */
  'quick-test': {
    name: 'Quick test',
    systems: ['s3', 'naive-rag'],
    datasets: GENERAL_SETS,
    sampling: { limit: 10, per: 'all', seed: 42 },
  },
  /** s3 and plain RAG on the six general sets as s3 evaluates them: at most 3,000 questions each. */
  general: {
    name: 'General sets',
    systems: ['s3', 'naive-rag'],
    datasets: GENERAL_SETS,
    sampling: { limit: 3000, per: 'set', seed: 42 },
  },
  /** Every system with the models that come with the page, on questions of a world that none of them has seen. */
  demo: {
    name: 'Demo, all systems',
    systems: SYSTEM_IDS,
    datasets: ['demo:test'],
    sampling: { limit: 100, per: 'set', seed: null },
    // The demo's model writes a query of s3 in 30 tokens; in protocols that it was not trained for it would go on to any limit.
    parameters: {
      deepretrieval: { rewriteTokens: 96 },
      searchR1: { responseTokens: 96 },
      ircot: { sentenceTokens: 96 },
      ircotS3: { responseTokens: 96 },
      searchO1: { responseTokens: 96 },
      searchO1S3: { responseTokens: 96 },
    },
  },
} as const;
export type EvaluationPreset = keyof typeof EVALUATION_PRESETS;

export const EVALUATION_PRESET_NAMES = Object.keys(EVALUATION_PRESETS) as EvaluationPreset[];

export const isEvaluationPreset = (name: string): name is EvaluationPreset =>
  Object.hasOwn(EVALUATION_PRESETS, name);
