import type { Hit, Passage } from '../protocol/retrieval';
import type { ChatMessage } from '../protocol/language-model';

/** The reward parser of the original splits transcripts at this line, so its characters are part of the protocol. */
export const ANCHOR = 'Now, start the loop with the following question and initial searched results:';

/** `Doc 1 (Title: …) …` — the form of the initial results inside the prompt (with a space, spec §1.2). */
export function renderInitialResults(passages: readonly Passage[]): string {
  return passages.map((p, i) => `Doc ${i + 1} (Title: ${p.title}) ${p.text}\n`).join('');
}

/** `Doc 1(Title: …) …` — the form of the results of a query (no space, spec §1.4). */
export function renderSearchResults(passages: readonly Passage[]): string {
  return passages.map((p, i) => `Doc ${i + 1}(Title: ${p.title}) ${p.text}\n`).join('');
}

export const passagesOf = (hits: readonly Hit[]): Passage[] => hits.map((hit) => hit.passage);

/** The question and turn 0, which end every searcher prompt. */
export function renderTask(question: string, initialResults: string): string {
  return `${ANCHOR}\n<question>\n${question}\n</question>\n<information>\n${initialResults.trim()}\n</information>\n`;
}

const MUST_ANSWER = 'Important: You MUST directly answer the question without any other text and thinking.';

/** The answer prompt of the generator (paper Fig. 12): the same for every data set. */
export function answerMessages(question: string, context: string): ChatMessage[] {
  const system = context
    ? `Use the following contexts (some might be irrelevant) on demand:\nContexts:\n${context}\n\n${MUST_ANSWER}`
    : MUST_ANSWER;
  return [
    { role: 'system', content: system },
    { role: 'user', content: question },
  ];
}

/** The question as all caches key it: trimmed, with a final question mark. */
export function normaliseQuestion(question: string): string {
  const trimmed = question.trim();
  return trimmed.endsWith('?') ? trimmed : `${trimmed}?`;
}
