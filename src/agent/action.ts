/** What the searcher's words mean (spec of the loop, §1.4). Reads the searcher's own text only, never a document's. */
import { neutraliseChatTokens } from './neutralise';

export type SearcherAction =
  { kind: 'search'; query: string } | { kind: 'search_complete' } | { kind: 'invalid' };

export interface ParsedResponse {
  /** The response as it stays in the context: cut after the first `</query>`. */
  text: string;
  action: SearcherAction;
  /** The ids of each `<important_info>`, in text order; unchecked, since only the loop knows what was shown. */
  selections: number[][];
  /** The content of the first `<think>`. */
  thought?: string;
}

/** Longer queries are cut: encoders read 256 tokens, and a runaway model must not flood a retriever. */
export const MAX_QUERY_CHARACTERS = 1000;

const QUERY_OPEN = '<query>';
const QUERY_CLOSE = '</query>';
const AFFIRMATIVE = new Set(['true', 'yes', '1', 'y']);

export function parseResponse(raw: string): ParsedResponse {
  const text = closeAtQuery(neutraliseChatTokens(raw));
  const thought = tagContents(text, 'think')[0]?.trim();
  return {
    text,
    action: parseAction(text),
    selections: tagContents(text, 'important_info').map(idsOf),
    ...(thought && { thought }),
  };
}

/**
 * Discards what follows the first `</query>`, such as results that the model made up, and opens the tag where an invalid
 * action's re-prompt had already done so.
 */
export function closeAtQuery(text: string): string {
  const end = text.indexOf(QUERY_CLOSE);
  if (end < 0) return text;
  const kept = text.slice(0, end + QUERY_CLOSE.length);
  return kept.includes(QUERY_OPEN) ? kept : `${QUERY_OPEN}\n${kept}`;
}

/** A true `<search_complete>` wins over a query; a false one without a query is invalid. */
export function parseAction(text: string): SearcherAction {
  const complete = tagContents(text, 'search_complete')[0];
  if (complete !== undefined && AFFIRMATIVE.has(complete.trim().toLowerCase()))
    return { kind: 'search_complete' };
  const query = tagContents(text, 'query')[0];
  return query === undefined ? { kind: 'invalid' } : { kind: 'search', query: capped(queryOf(query)) };
}

/** The contents of `<name>…</name>`, left to right, none inside another; linear in the length of the text. */
export function tagContents(text: string, name: string): string[] {
  const open = `<${name}>`;
  const close = `</${name}>`;
  const contents: string[] = [];
  for (let from = 0; ;) {
    const start = text.indexOf(open, from);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    if (end < 0) return contents;
    contents.push(text.slice(start + open.length, end));
    from = end + close.length;
  }
}

/** All integers in a tag; it need not be JSON. */
export function idsOf(content: string): number[] {
  return Array.from(content.matchAll(/\d+/g), ([digits]) => Number(digits));
}

/** The value of `query` where the tag holds a JSON object with one, otherwise the raw text. */
function queryOf(content: string): string {
  const raw = content.trim();
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    return raw; // a query in plain words is as good as one in JSON
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return raw;
  if (!Object.hasOwn(parsed, 'query') || !('query' in parsed)) return raw;
  const value: unknown = Array.isArray(parsed.query) ? parsed.query[0] : parsed.query;
  return typeof value === 'string' ? value.trim() : raw;
}

/** Cut without leaving half of a surrogate pair. */
const capped = (query: string): string =>
  query.length <= MAX_QUERY_CHARACTERS
    ? query
    : query.slice(0, MAX_QUERY_CHARACTERS).replace(/[\ud800-\udbff]$/, '');
