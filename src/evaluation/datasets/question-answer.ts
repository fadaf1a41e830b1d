/** Sets of a question and its answers a row: FlashRAG, plain JSON lines, NQ-open, TriviaQA, PopQA, Bamboogle. */
import { isRow, hopsOf, rowOf, textOf, textsOf, type ParsedQuestion, type Row } from './row-fields';

/** Undefined where the row holds no question, or no answer by which to score it. */
export type ReadRow = (row: Row, index: number) => ParsedQuestion | undefined;

interface Fields {
  id: readonly string[];
  question: readonly string[];
  answers: readonly string[];
}

const read =
  ({ id, question, answers }: Fields): ReadRow =>
  (row, index) => {
    const asked = textOf(row, ...question);
    const golds = textsOf(row, ...answers);
    const goldIds = textsOf(row, 'gold', 'gold_ids', 'goldIds');
    if (asked === undefined || (golds === undefined && goldIds === undefined)) return undefined;
    const metadata = rowOf(row, 'metadata') ?? {};
    const part = textOf(row, 'dataset', 'data_source');
    const hops = hopsOf(row) ?? hopsOf(metadata);
    const kind = textOf(row, 'kind', 'type') ?? textOf(metadata, 'type');
    return {
      id: textOf(row, ...id) ?? String(index),
      question: asked,
      goldAnswers: golds ?? [],
      ...(goldIds && { goldIds }),
      ...(hops !== undefined && { hops }),
      ...(kind !== undefined && { kind }),
      ...(part !== undefined && { part }),
    };
  };

const QUESTION = ['question'];

export const readFlashRag = read({ id: ['id'], question: QUESTION, answers: ['golden_answers'] });
export const readPlain = read({
  id: ['id', '_id', 'question_id'],
  question: ['question', 'query'],
  answers: ['answers', 'golden_answers', 'answer', 'gold_ans'],
});
export const readNqOpen = read({ id: ['id'], question: QUESTION, answers: ['answer'] });
export const readPopQa = read({
  id: ['id'],
  question: QUESTION,
  answers: ['possible_answers', 'golden_answers'],
});
export const readBamboogle = read({
  id: ['id'],
  question: ['Question', 'question'],
  answers: ['Answer', 'answer'],
});

/** The set's own file and its rows on the hub: `Answer.Value` with `Aliases`, in either spelling. */
export const readTriviaQa: ReadRow = (row, index) => {
  const question = textOf(row, 'Question', 'question');
  const answer = rowOf(row, 'Answer') ?? rowOf(row, 'answer');
  if (question === undefined || answer === undefined) return undefined;
  const golds = [textsOf(answer, 'Value', 'value'), textsOf(answer, 'Aliases', 'aliases')].flatMap(
    (one) => one ?? [],
  );
  if (golds.length === 0) return undefined;
  const id = textOf(row, 'QuestionId', 'question_id') ?? String(index);
  return { id, question, goldAnswers: [...new Set(golds)] };
};

/** `{"Data": [...]}` of TriviaQA's own files. */
export const triviaQaRows = (value: Row): unknown[] | undefined => {
  const { Data: data } = value;
  return Array.isArray(data) && data.some((row) => isRow(row) && 'Question' in row) ? data : undefined;
};
