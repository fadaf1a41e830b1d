/** Search-o1's protocol (arXiv 2501.05366; its `run_search_o1.py`): marks, what stands between them, the boxed answer. */
import { neutraliseChatTokens } from '../neutralise';

export const QUERY_BEGIN = '<|begin_search_query|>';
export const QUERY_END = '<|end_search_query|>';
export const RESULT_BEGIN = '<|begin_search_result|>';
export const RESULT_END = '<|end_search_result|>';

export const LIMIT_REACHED = `\n${RESULT_BEGIN}\nThe maximum search limit is exceeded. You are not allowed to search.\n${RESULT_END}\n`;
export const ALREADY_SEARCHED = `\n${RESULT_BEGIN}\nYou have searched this query. Please refer to previous results.\n${RESULT_END}\n`;
export const NOTHING_HELPFUL = 'No helpful information found.';

/** Ours: opens the box where a run would end without an answer. */
export const BOX_NOW = '\n\nI cannot search any more. The final answer is \\boxed{';

const MARKS = [QUERY_BEGIN, QUERY_END, RESULT_BEGIN, RESULT_END];
const SPLIT = new RegExp(`(${MARKS.map((mark) => mark.replaceAll('|', '\\|')).join('|')})`);

/**
 * The model's own words without the control tokens of chat templates. The protocol's marks have their form and stay; what a
 * model copies from a neutralised document is not turned back into one.
 */
export const ownWords = (raw: string): string =>
  raw
    .split(SPLIT)
    .map((part) => (MARKS.includes(part) ? part : neutraliseChatTokens(part)))
    .join('');

/** The queries in a text, each from a begin mark to the next end mark. */
export function queriesIn(text: string): string[] {
  const queries: string[] = [];
  for (let from = 0; ;) {
    const start = text.indexOf(QUERY_BEGIN, from);
    const end = start < 0 ? -1 : text.indexOf(QUERY_END, start + QUERY_BEGIN.length);
    if (end < 0) return queries;
    queries.push(text.slice(start + QUERY_BEGIN.length, end).trim());
    from = end + QUERY_END.length;
  }
}

/** The query that a turn ends with: of the original's form only where nothing follows its end mark. */
export function closingQuery(text: string): string | undefined {
  return text.trimEnd().endsWith(QUERY_END) ? queriesIn(text).at(-1) : undefined;
}

/** The content of the last `\boxed{…}` with balanced braces; undefined where there is none. */
export function boxedAnswer(text: string): string | undefined {
  const mark = '\\boxed{';
  const at = text.lastIndexOf(mark);
  return at < 0 ? undefined : untilClosed(text.slice(at + mark.length));
}

/** The rest of a box that is open already: up to its closing brace, else all of it. */
export function untilClosed(text: string): string {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') depth++;
    else if (text[i] === '}' && depth-- === 0) return text.slice(0, i).trim();
  }
  return text.trim();
}

/** `\text{…}` around an answer is typesetting. */
export const plainAnswer = (answer: string): string =>
  answer.replace(/^\\(?:text|mathrm|textbf)\{([^{}]*)\}$/, '$1').trim();
