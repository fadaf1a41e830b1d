/** The files of HotpotQA, 2WikiMultihopQA and MuSiQue as their authors publish them. */
import { hopsOf, listOf, textOf, textsOf } from './row-fields';
import type { ReadRow } from './question-answer';

export const readHotpotQa: ReadRow = (row, index) => {
  const question = textOf(row, 'question');
  const goldAnswers = textsOf(row, 'answer');
  if (question === undefined || goldAnswers === undefined) return undefined;
  const kind = textOf(row, 'type');
  return {
    id: textOf(row, '_id', 'id') ?? String(index),
    question,
    goldAnswers,
    ...(kind !== undefined && { kind }),
  };
};

/** Its aliases lie in a file of their own; a list of them in the row is read. */
export const read2Wiki: ReadRow = (row, index) => {
  const read = readHotpotQa(row, index);
  if (!read) return undefined;
  const aliases = textsOf(row, 'answer_aliases', 'aliases') ?? [];
  return { ...read, goldAnswers: [...new Set([...read.goldAnswers, ...aliases])] };
};

/** `2hop__…`, `3hop1__…`: how many hops a question has stands in its id. */
export const readMuSiQue: ReadRow = (row, index) => {
  const question = textOf(row, 'question');
  const answer = textsOf(row, 'answer', 'golden_answers');
  if (question === undefined || answer === undefined) return undefined;
  const id = textOf(row, 'id') ?? String(index);
  const steps = Number(/^(\d)hop/.exec(id)?.[1]) || listOf(row, 'question_decomposition')?.length;
  const hops = steps ?? hopsOf(row);
  const goldAnswers = [...new Set([...answer, ...(textsOf(row, 'answer_aliases') ?? [])])];
  return { id, question, goldAnswers, ...(hops !== undefined && { hops }) };
};
