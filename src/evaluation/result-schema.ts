/** What is read back from a store or a file is checked like anything from outside. */
import * as v from 'valibot';
import { AppError, ERROR_CODES } from '../protocol/errors';
import {
  DATASET_FORMATS,
  type EvaluationQuestion,
  type EvaluationRecord,
  type QuestionResult,
} from './evaluation-types';
import { readEvaluationConfig } from './config';

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const may = <T extends v.GenericSchema>(schema: T) => v.exactOptional(schema);

const errorEnvelope = v.object({
  code: v.picklist(ERROR_CODES),
  message: v.string(),
  fix: v.string(),
  recoverable: v.boolean(),
  context: may(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]))),
});

const retrieval = v.object({ recall: number, ndcg: number, mrr: number, allGold: number, inContext: number });

const metrics = v.object({
  accuracy: may(number),
  em: may(number),
  f1: may(number),
  coverEm: may(number),
  span: may(number),
  judge: may(v.nullable(number)),
  choice: may(number),
  retrieval: may(retrieval),
});

const key = { system: v.string(), dataset: v.string(), questionId: v.string(), seed: number };

const shared = {
  ...key,
  attempt: v.pipe(count, v.minValue(1)),
  startedAt: v.string(),
  seconds: number,
  tokens: v.object({
    context: v.nullable(number),
    searcherPrompt: number,
    searcherCompletion: number,
    generatorPrompt: number,
    generatorCompletion: number,
    estimated: may(v.boolean()),
  }),
  searches: count,
  turns: count,
  calls: count,
};

const questionResult = v.variant('status', [
  v.object({ ...shared, status: v.literal('ok'), answer: v.string(), metrics, notes: v.array(v.string()) }),
  v.object({ ...shared, status: v.literal('failed'), error: errorEnvelope }),
]);

const question = v.object({
  id: v.string(),
  dataset: v.string(),
  question: v.string(),
  goldAnswers: v.array(v.string()),
  goldIds: may(v.array(v.string())),
  relevance: may(v.record(v.string(), number)),
  hops: may(number),
  kind: may(v.string()),
  options: may(v.record(v.string(), v.string())),
});

const record = v.object({
  id: v.string(),
  config: v.unknown(),
  createdAt: v.string(),
  updatedAt: v.string(),
  status: v.picklist(['ready', 'running', 'stopped', 'finished', 'failed']),
  datasets: v.array(
    v.object({
      name: v.string(),
      source: v.string(),
      format: v.picklist(DATASET_FORMATS),
      available: count,
      questions: count,
      accuracy: v.picklist(['span', 'judge', 'genacc', 'choice', 'em']),
      notes: v.array(v.string()),
    }),
  ),
  planned: count,
  ok: count,
  failed: count,
  runningMs: number,
  error: may(errorEnvelope),
  imported: may(v.literal(true)),
});

/** @throws AppError `INTEGRITY` */
export function readRecord(json: unknown): EvaluationRecord {
  const read = checked(record, json, 'record');
  return { ...read, config: readEvaluationConfig(read.config) };
}

/** @throws AppError `INTEGRITY` */
export const readQuestion = (json: unknown): EvaluationQuestion => checked(question, json, 'question');

/** @throws AppError `INTEGRITY` */
export const readResult = (json: unknown): QuestionResult => checked(questionResult, json, 'result');

function checked<T>(schema: v.GenericSchema<unknown, T>, json: unknown, what: string): T {
  const read = v.safeParse(schema, json, { abortEarly: true });
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new AppError(
    'INTEGRITY',
    `A stored ${what} of an evaluation is damaged at "${v.getDotPath(issue) ?? ''}": ${issue.message}`,
    { fix: 'Export what is there, delete the evaluation, and run it again.' },
  );
}
