import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { AppError } from '../src/protocol/errors';

/** A question with what is known about its answer. */
export interface Question {
  id: string;
  question: string;
  answers: string[];
  /** Ids of the passages that together hold the answer. */
  gold: string[];
  /** Where it comes from; questions are reported by it. */
  dataset: string;
  hops?: number;
}

const lineSchema = v.object({
  id: v.optional(v.union([v.string(), v.number()])),
  question: v.pipe(v.string(), v.nonEmpty()),
  answers: v.optional(v.array(v.string())),
  /** As FlashRAG and the demo write it. */
  golden_answers: v.optional(v.array(v.string())),
  gold: v.optional(v.array(v.string()), []),
  dataset: v.optional(v.string()),
  // A number in the demo; other data sets keep other things under this name.
  hops: v.optional(v.unknown()),
});

/** Reads JSON lines with `question`, and `id`, `answers` or `golden_answers`, `gold`, `dataset`, `hops` where there are any. */
export async function readQuestions(path: string, limit = Infinity): Promise<Question[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `The questions ${path} cannot be read.`, {
      fix: 'Check the path.',
      cause,
    });
  });
  const questions: Question[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || questions.length >= limit) continue;
    questions.push(parseLine(line, i + 1, path));
  }
  if (questions.length === 0) {
    throw new AppError('BAD_INPUT', `${path} holds no questions.`, {
      fix: 'Give JSON lines with "question".',
    });
  }
  return questions;
}

function parseLine(line: string, number: number, path: string): Question {
  try {
    const row = v.parse(lineSchema, JSON.parse(line));
    const { id, dataset, hops, question, gold } = row;
    return {
      question,
      gold,
      answers: row.answers ?? row.golden_answers ?? [],
      id: String(id ?? number),
      dataset: dataset ?? 'all',
      ...(typeof hops === 'number' && { hops }),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('BAD_INPUT', `Line ${number} of ${path} is no question: ${reason}`, {
      fix: 'Each line is a JSON object with "question", and "answers" and "gold" as lists of texts.',
      cause,
    });
  }
}
