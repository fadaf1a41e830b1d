/** Questions to learn from, as JSON lines: the forms of the demo, of FlashRAG and of s3's own data. */
import * as v from 'valibot';
import { AppError } from '../../protocol/errors';
import type { TrainingQuestion } from '../records';

const texts = v.array(v.string());

const Line = v.looseObject({
  id: v.optional(v.union([v.string(), v.number()])),
  question: v.pipe(v.string(), v.trim(), v.nonEmpty()),
  answers: v.optional(texts),
  golden_answers: v.optional(texts),
  gold: v.optional(texts),
  dataset: v.optional(v.string()),
  data_source: v.optional(v.string()),
  hops: v.optional(v.unknown()),
});

const MOST_QUESTIONS = 1_000_000;

/** @param source what the questions of a file are counted under where their lines do not say. @throws AppError BAD_INPUT */
export function parseQuestions(text: string, source: string): TrainingQuestion[] {
  const questions: TrainingQuestion[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    questions.push(parseLine(line, i + 1, source));
    if (questions.length > MOST_QUESTIONS) throw wrong(`There are more than ${MOST_QUESTIONS} questions.`);
  }
  if (questions.length === 0) throw wrong('The file holds no questions.');
  const seen = new Set<string>();
  for (const { id } of questions) {
    if (seen.has(id)) throw wrong(`Two questions have the id ${id.slice(0, 80)}.`);
    seen.add(id);
  }
  return questions;
}

function parseLine(line: string, number: number, source: string): TrainingQuestion {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw wrong(`Line ${number} is not JSON.`);
  }
  const read = v.safeParse(Line, json);
  if (!read.success) {
    const [issue] = read.issues;
    throw wrong(`Line ${number} is no question: ${v.getDotPath(issue) ?? 'the line'}: ${issue.message}.`);
  }
  const { id, question, gold, hops, ...row } = read.output;
  const goldAnswers = row.answers ?? row.golden_answers ?? [];
  if (goldAnswers.length === 0) throw wrong(`Line ${number} has no answers to learn from.`);
  return {
    ...{ id: String(id ?? number), source: row.dataset ?? row.data_source ?? source, question, goldAnswers },
    ...(gold && gold.length > 0 && { goldIds: gold }),
    ...(typeof hops === 'number' && { hops }),
  };
}

const wrong = (message: string): AppError =>
  new AppError('BAD_INPUT', message, {
    fix: 'Each line is a JSON object with "question" and "answers" (or "golden_answers"), a list of texts.',
  });
