/** Rows of verl as s3, Search-R1 and DeepRetrieval train and test on them: `data_source`, `prompt`, `reward_model`, `extra_info`. */
import { optionsOf } from '../answer-choice';
import { ANCHOR } from '../../agent/prompts';
import type { ReadRow } from './question-answer';
import { isRow, listOf, rowOf, textOf, textsOf, type Row } from './row-fields';

export const isVerlRow = (row: Row): boolean =>
  rowOf(row, 'reward_model') !== undefined && ('prompt' in row || 'data_source' in row);

export const readVerl: ReadRow = (row, index) => {
  const extra = rowOf(row, 'extra_info') ?? {};
  const reward = rowOf(row, 'reward_model') ?? {};
  const truth = rowOf(reward, 'ground_truth') ?? {};
  const prompt = promptOf(row);
  const pico = /^P: .*\nI: .*\nC: .*\nO: .*/m.exec(prompt)?.[0];
  const question =
    pico ??
    textOf(truth, 'question') ??
    textOf(extra, 'question') ??
    textOf(row, 'question') ??
    askedIn(prompt);
  // A list beside a text of the same answers joined by commas: the list is what was meant.
  const golds =
    textsOf(truth, 'target') ??
    textsOf(extra, 'golden_answers', 'answer') ??
    textsOf(row, 'golden_answers', 'answer') ??
    textsOf(reward, 'ground_truth');
  if (question === undefined || golds === undefined) return undefined;
  const part = textOf(row, 'data_source');
  const options = optionsOf(question);
  const id =
    textOf(row, 'id') ??
    [textOf(extra, 'split'), textOf(extra, 'index') ?? String(index)].filter(Boolean).join('_');
  return {
    id,
    question,
    // A search for literature names what is to be found, not an answer.
    ...(pico === undefined ? { goldAnswers: golds } : { goldAnswers: [], goldIds: golds }),
    ...(Object.keys(options).length > 0 && { options }),
    ...(part !== undefined && { part: part.split('/').at(-1) ?? part }),
  };
};

function promptOf(row: Row): string {
  const messages = listOf(row, 'prompt') ?? [];
  const user = messages.findLast((one): one is Row => isRow(one) && textOf(one, 'role') === 'user');
  return (user && textOf(user, 'content')) ?? textOf(row, 'prompt') ?? '';
}

/** The question inside of s3's, Search-R1's and DeepRetrieval's prompts; a prompt that is none of these is the question. */
function askedIn(prompt: string): string | undefined {
  const [, task] = prompt.split(ANCHOR);
  const inside =
    /<question>\n?([\s\S]*?)\n?<\/question>/.exec(task ?? '')?.[1] ??
    /for example, <answer> Beijing <\/answer>\. Question: ([\s\S]*)$/i.exec(prompt)?.[1] ??
    /Here's the user query:\n([\s\S]*?)\nAssistant:/.exec(prompt)?.[1] ??
    prompt;
  return inside.trim() === '' ? undefined : inside.trim();
}
