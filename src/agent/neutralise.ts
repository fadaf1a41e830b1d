/**
 * Keeps text from outside (documents, the question) from forging what only the loop may write: protocol tags, headers of
 * documents and the control tokens of chat templates. The neutralised form stays readable and is used in a model's view
 * alone; traces keep the original, and the loop itself never parses document text at all.
 */

import { ANCHOR } from './prompts';

const TAGS =
  'information|important_info|search_complete|query|question|think|answer|search|result|documents?';
const TOKENS = 'tool_call|tool_response|tools|start_of_turn|end_of_turn|bos|eos|pad|unk|mask|s';
/** What may stand between `<` and a name without a reader noticing: blanks and invisible characters. Bounded: linear time. */
const GAP = '[\\s\\u00ad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\ufeff]{0,4}';

const CLOSED_TAG = new RegExp(`<(${GAP}/?${GAP}(?:${TAGS}|${TOKENS})${GAP}/?)>`, 'giu');
/** A tag with attributes, or one that the next document or the loop's own text would complete. */
const OPEN_TAG = new RegExp(`<(?=${GAP}/?${GAP}(?:${TAGS})(?![\\p{L}\\p{N}_]))`, 'giu');
/** `<|im_start|>` and its kin, also with the full-width bars of some families. */
const CHAT_TOKEN = /<([|｜][^<>|｜\s]{1,64}[|｜])>/gu;
const INSTRUCTION_TOKEN = /\[(\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS))\]/giu;
const SYSTEM_TOKEN = /<<(\/?SYS)>>/giu;
const DOCUMENT_HEADER = /(Doc\s{0,4}\d{1,9}\s{0,4})\((?=\s{0,4}Title\s{0,4}:)/giu;

/** Replaces the control tokens of chat templates by look-alikes: `<|im_end|>` becomes `‹|im_end|›`. */
export function neutraliseChatTokens(text: string): string {
  return text.replace(CHAT_TOKEN, '‹$1›').replace(SYSTEM_TOKEN, '‹‹$1››').replace(INSTRUCTION_TOKEN, '‹$1›');
}

/** Replaces protocol tags, forged document headers, the anchor line and chat-template tokens; other text is returned unchanged. */
export function neutralise(text: string): string {
  const withoutTags = text.replace(CLOSED_TAG, '‹$1›').replace(OPEN_TAG, '‹');
  return neutraliseChatTokens(withoutTags)
    .replace(DOCUMENT_HEADER, '$1[')
    .replaceAll(ANCHOR, ANCHOR.replace(':', '.'));
}
