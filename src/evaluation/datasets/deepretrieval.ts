/** DeepRetrieval's searches for literature and for trials: a PICO, and the ids of what is to be found. */
import type { ReadRow } from './question-answer';
import { rowOf, textOf, textsOf } from './row-fields';

const GOLD = ['trial_nctids', 'publication_pmids', 'pub_pmids', 'pmids', 'nctids', 'ids'];

/** The question is the PICO, a line each, as the prompts of DeepRetrieval take it. */
export const readDeepRetrieval: ReadRow = (row, index) => {
  const pico = rowOf(row, 'pico') ?? rowOf(row, 'PICO');
  const goldIds = textsOf(row, ...GOLD);
  if (pico === undefined || goldIds === undefined) return undefined;
  const lines = ['P', 'I', 'C', 'O'].map(
    (name) => `${name}: ${(textOf(pico, name) ?? '').replace(/\s+/g, ' ').trim()}`,
  );
  if (lines.every((line) => line.length === 3)) return undefined;
  return { id: textOf(row, 'id') ?? String(index), question: lines.join('\n'), goldAnswers: [], goldIds };
};
