/** What DeepRetrieval's rewriter is asked, and what its answer means (arXiv 2503.00223; its code's `query_rewrite.py`). */
import { AppError } from '../../protocol/errors';
import type { ChatMessage } from '../../protocol/language-model';
import { MAX_QUERY_CHARACTERS, tagContents } from '../action';
import { neutraliseChatTokens } from '../neutralise';
import type { RewriteTemplate } from './deepretrieval-prompts';

/**
 * `raw`: the text of training, no chat template. `messages`: system and user turn, the lead-in at the user's end, as s3's
 * baseline does. `nested`: the system sentence, then the whole raw text as the user's turn, as the published script does.
 */
export type Delivery = 'raw' | 'messages' | 'nested';

export type Rewrite = { query: string; thought?: string } | { failure: string };

/** The prompt with its slots filled by the question. A question for the PICO prompts has a line each for P, I, C and O. */
export function rewriteRequest(
  { raw, system, user }: RewriteTemplate,
  question: string,
  delivery: Delivery,
): { prompt: string } | { messages: ChatMessage[] } {
  const slots = slotsOf(raw, neutraliseChatTokens(question.trim()));
  const fill = (text: string): string =>
    text.replace(/\{(P|I|C|O|question|schema|knowledge)\}/g, (slot, name: string) => slots[name] ?? slot);
  if (delivery === 'raw') return { prompt: fill(raw) };
  const content = fill(delivery === 'nested' ? raw : user);
  return {
    messages: [
      { role: 'system', content: system },
      { role: 'user', content },
    ],
  };
}

function slotsOf(template: string, question: string): Record<string, string> {
  if (template.includes('{schema}')) {
    throw new AppError('UNSUPPORTED', 'The SQL prompts ask for a query to a database, not to a corpus.', {
      fix: 'Choose another of the DeepRetrieval prompts.',
    });
  }
  if (!template.includes('{P}')) return { question };
  const slots: Record<string, string> = {};
  for (const line of question.split('\n')) {
    const part = /^\s*([PICO])\s*:\s*(.*)$/.exec(line);
    if (part?.[1] !== undefined) slots[part[1]] ??= (part[2] ?? '').trim();
  }
  if (['P', 'I', 'C', 'O'].every((name) => slots[name] !== undefined)) return slots;
  throw new AppError('BAD_INPUT', 'The clinical prompts of DeepRetrieval need a question in PICO form.', {
    fix: 'Write four lines that begin with "P:", "I:", "C:" and "O:", or choose the prompt "nq" or "triviaqa".',
  });
}

/**
 * The query in the JSON of the last `<answer>` of what the model wrote. A missing tag at either end is added first, as s3's
 * wrapper does; the opened `<think>` is part of the prompt.
 */
export function parseRewrite(completion: string, key: RewriteTemplate['key']): Rewrite {
  const opened = completion.includes('<answer>') ? completion : `<answer>${completion}`;
  const closed = opened.includes('</answer>') ? opened : `${opened}</answer>`;
  const content = tagContents(closed, 'answer').at(-1)?.trim();
  if (content === undefined) return { failure: 'it holds no <answer>' };
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    return { failure: 'its <answer> is not JSON' };
  }
  const query = valueOf(parsed, key);
  if (query === undefined) return { failure: `its <answer> has no text "${key}"` };
  if (query === '') return { failure: 'its query is empty' };
  const end = completion.indexOf('</think>');
  const thought = end < 0 ? '' : completion.slice(0, end).replace(/^\s*<think>/, '').trim(); // prettier-ignore
  return { query, ...(thought && { thought }) };
}

function valueOf(parsed: unknown, key: RewriteTemplate['key']): string | undefined {
  if (typeof parsed !== 'object' || parsed === null || !Object.hasOwn(parsed, key)) return undefined;
  const value: unknown = (parsed as Partial<Record<string, unknown>>)[key];
  return typeof value === 'string' ? value.slice(0, MAX_QUERY_CHARACTERS).trim() : undefined;
}
