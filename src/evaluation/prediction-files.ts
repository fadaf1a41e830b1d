/** Predictions and gold answers as people keep them: JSON lines, SQuAD's files, and the result files of s3's scripts. */
import * as v from 'valibot';
import { AppError } from '../protocol/errors';

/** Predictions by id. The ids of s3's result files are the questions themselves. */
export type Predictions = ReadonlyMap<string, string>;
export type GoldAnswers = ReadonlyMap<string, readonly string[]>;

const id = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const text = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const texts = v.union([v.array(text), v.pipe(text, v.transform((one) => [one]))]); // prettier-ignore

const predictionLine = v.object({ id, prediction: v.nullable(text) });
const goldLine = v.union([
  v.object({ id, golden_answers: texts }),
  v.pipe(v.object({ id, answers: texts }), v.transform((row) => ({ id: row.id, golden_answers: row.answers }))), // prettier-ignore
  v.pipe(v.object({ id, answer: texts }), v.transform((row) => ({ id: row.id, golden_answers: row.answer }))), // prettier-ignore
]);

/** s3's results: data set → question → answer; null where the question had no context. */
const s3Results = v.record(v.string(), v.record(v.string(), v.object({ answer: v.nullable(text) })));
const s3Sequences = v.record(v.string(), v.object({ golden_answers: texts }));
const squadPredictions = v.record(v.string(), v.string());
const squadGold = v.object({
  data: v.array(
    v.object({
      paragraphs: v.array(v.object({ qas: v.array(v.object({ id, answers: v.array(v.object({ text })) })) })),
    }),
  ),
});

/** @throws AppError `BAD_INPUT` naming the line or the file's fault */
export function readPredictions(content: string): Predictions {
  const whole = wholeJson(content);
  if (whole !== undefined && !isLine(whole)) {
    const flat = v.safeParse(squadPredictions, whole);
    if (flat.success) return collected(Object.entries(flat.output), 'predictions');
    const results = v.safeParse(s3Results, whole);
    if (results.success) {
      const rows = Object.values(results.output).flatMap((questions) => Object.entries(questions));
      // A null is a failed question: not a prediction.
      return collected(rows.flatMap(([key, { answer }]) => (answer === null ? [] : [[key, answer] as const])), 'predictions'); // prettier-ignore
    }
    throw unknownFile('predictions', '"id" and "prediction"');
  }
  const rows = lines(content, predictionLine, 'predictions', '"id" and "prediction"');
  return collected(rows.flatMap((row) => (row.prediction === null ? [] : [[row.id, row.prediction] as const])), 'predictions'); // prettier-ignore
}

/** @throws AppError `BAD_INPUT` naming the line or the file's fault */
export function readGoldAnswers(content: string): GoldAnswers {
  const whole = wholeJson(content);
  if (whole !== undefined && !isLine(whole)) {
    const squad = v.safeParse(squadGold, whole);
    if (squad.success) {
      const questions = squad.output.data.flatMap((d) => d.paragraphs.flatMap((p) => p.qas));
      // As SQuAD 2's script: what has no answer is answered by saying nothing.
      return collected(questions.map((q) => [q.id, q.answers.length > 0 ? q.answers.map((a) => a.text) : ['']] as const), 'gold answers'); // prettier-ignore
    }
    const sequences = v.safeParse(s3Sequences, whole);
    if (sequences.success) {
      const rows = Object.entries(sequences.output);
      return collected(rows.map(([key, entry]) => [key, entry.golden_answers] as const), 'gold answers'); // prettier-ignore
    }
    throw unknownFile('gold answers', '"id" and "golden_answers"');
  }
  const rows = lines(content, goldLine, 'gold answers', '"id" and "golden_answers"');
  return collected(
    rows.map((row) => [row.id, row.golden_answers] as const),
    'gold answers',
  );
}

function wholeJson(content: string): unknown {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // JSON lines, or nothing that can be read: the lines tell
  }
}

/** A file of one line is a JSON document as well. */
const isLine = (value: unknown): boolean => typeof value === 'object' && value !== null && 'id' in value;

function lines<T>(content: string, schema: v.GenericSchema<unknown, T>, what: string, expected: string): T[] {
  const rows: T[] = [];
  for (const [i, line] of content
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue;
    try {
      rows.push(v.parse(schema, JSON.parse(line)));
    } catch (cause) {
      throw new AppError('BAD_INPUT', `Line ${i + 1} of the ${what} cannot be read.`, {
        fix: `Each line is a JSON object with ${expected}.`,
        cause,
      });
    }
  }
  return rows;
}

function collected<T>(rows: Iterable<readonly [string, T]>, what: string): Map<string, T> {
  const map = new Map<string, T>();
  for (const [key, value] of rows) {
    if (map.has(key)) {
      throw new AppError('BAD_INPUT', `The ${what} name ${key.slice(0, 80)} twice.`, {
        fix: 'Give every question an id of its own.',
      });
    }
    map.set(key, value);
  }
  if (map.size > 0) return map;
  throw new AppError('BAD_INPUT', `The file holds no ${what}.`, { fix: 'Check that it is the right file.' });
}

const unknownFile = (what: string, expected: string): AppError =>
  new AppError('BAD_INPUT', `The ${what} are in no form that is known here.`, {
    fix: `Give JSON lines with ${expected}, SQuAD's form, or a result file of s3.`,
  });
