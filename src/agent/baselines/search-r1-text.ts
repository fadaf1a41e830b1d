/** Search-R1's prompt and protocol (arXiv 2503.09516; its `generation.py`). */
import { tagContents } from '../action';
import { neutraliseChatTokens } from '../neutralise';

export type SearchR1Action =
  { kind: 'search'; query: string } | { kind: 'answer'; answer: string } | { kind: 'invalid' };

export interface SearchR1Response {
  /** As it stays in the context: cut after the first `</search>`, else after the first `</answer>`. */
  text: string;
  action: SearchR1Action;
  thought?: string;
}

/** Word for word what the checkpoints were trained on. */
export const SEARCH_R1_PROMPT =
  'Answer the given question. You must conduct reasoning inside <think> and </think> first every time you get new information. After reasoning, if you find you lack some knowledge, you can call a search engine by <search> query </search> and it will return the top searched results between <information> and </information>. You can search as many times as your want. If you find no further external knowledge needed, you can directly provide the answer inside <answer> and </answer>, without detailed illustrations. For example, <answer> Beijing </answer>. Question: {question}\n';

/** Word for word, too: the checkpoints have seen it in training. */
export const SEARCH_R1_INVALID =
  '\nMy previous action is invalid. If I want to search, I should put the query between <search> and </search>. If I want to give the final answer, I should put the answer between <answer> and </answer>. Let me try again.\n';

/** Ours: opens the answer where the turns are used up. */
export const SEARCH_R1_ANSWER_NOW = '\nI can search no more and must answer with what I know. <answer>';

const CUTS = ['</search>', '</answer>'];

export function parseSearchR1(raw: string): SearchR1Response {
  const text = cut(neutraliseChatTokens(raw));
  const thought = tagContents(text, 'think')[0]?.trim();
  return { text, action: actionOf(text), ...(thought && { thought }) };
}

/** The rest of an answer whose tag the observation has opened. */
export function parseOpenedAnswer(raw: string): string {
  const text = neutraliseChatTokens(raw).replace(/^\s*<answer>/, '');
  const end = text.indexOf('</answer>');
  return (end < 0 ? text : text.slice(0, end)).trim();
}

function cut(text: string): string {
  for (const tag of CUTS) {
    const at = text.indexOf(tag);
    if (at >= 0) return text.slice(0, at + tag.length);
  }
  return text;
}

/** The first complete `<search>` or `<answer>`, whichever begins first. */
function actionOf(text: string): SearchR1Action {
  const search = firstTag(text, 'search');
  const answer = firstTag(text, 'answer');
  if (answer && (!search || answer.at < search.at)) return { kind: 'answer', answer: answer.content };
  return search ? { kind: 'search', query: search.content } : { kind: 'invalid' };
}

function firstTag(text: string, name: string): { at: number; content: string } | undefined {
  const content = tagContents(text, name)[0];
  return content === undefined ? undefined : { at: text.indexOf(`<${name}>`), content: content.trim() };
}
