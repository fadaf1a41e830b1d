/** MIRAGE (medqa, medmcqa, pubmedqa, bioasq, mmlu): one document, set → id → question with options. */
import { isRow, rowOf, textOf, type ParsedQuestion, type Row } from './row-fields';

const isQuestion = (value: unknown): value is Row =>
  isRow(value) && 'question' in value && isRow(value['options']) && 'answer' in value;

/** Whether it is set → id → question, or id → question of one set. */
export function isMirage(value: Row): boolean {
  const [first] = Object.values(value);
  if (isQuestion(first)) return true;
  return isRow(first) && isQuestion(Object.values(first)[0]);
}

/** In the form of s3's scripts: options under the question, the gold answer with its letter. */
export function readMirage(value: Row): (ParsedQuestion | undefined)[] {
  const [first] = Object.values(value);
  if (isQuestion(first)) return Object.entries(value).map(([id, row]) => readQuestion(id, row, undefined));
  return Object.entries(value).flatMap(([part, questions]) =>
    isRow(questions)
      ? Object.entries(questions).map(([id, row]) => readQuestion(id, row, part))
      : [undefined],
  );
}

function readQuestion(id: string, row: unknown, part: string | undefined): ParsedQuestion | undefined {
  if (!isRow(row)) return undefined;
  const question = textOf(row, 'question');
  const letter = textOf(row, 'answer')?.trim();
  const given = rowOf(row, 'options') ?? {};
  const options: Record<string, string> = {};
  for (const name of Object.keys(given)) {
    const text = textOf(given, name);
    if (/^[A-Za-z]$/.test(name) && text !== undefined) options[name] = text.replace(/\s+/g, ' ').trim();
  }
  const right = letter === undefined ? undefined : options[letter];
  if (question === undefined || letter === undefined || right === undefined) return undefined;
  const list = Object.entries(options).map(([name, text]) => `${name}: ${text}\n`);
  return {
    id,
    question: `${question.trim()}\nOptions:\n${list.join('')}`,
    goldAnswers: [`${letter}: ${right}`],
    options,
    ...(part !== undefined && { part }),
  };
}
