import { join } from 'node:path';
import { s3Settings, type S3Settings } from '../../src/agent/settings';
import type { SystemId } from '../../src/protocol/trace';
import { AccuracyTally, accuracyLines } from '../accuracy';
import { defineCommand, oneOf, UsageError, wholeNumber, type Console } from '../command';
import { deviceOption, readDevice } from '../backend';
import { chooseRetriever } from '../corpus-retriever';
import { demoFolder } from '../folders';
import { Models, type OpenModel } from '../models';
import { readQuestions, type Question } from '../questions';
import { requireAnswer, runTrace, systemIds, type Laboratory } from '../run-system';
import { eventLines } from '../trace-text';

export const ask = defineCommand({
  name: 'ask',
  positionals: '["QUESTION"]',
  count: [0, 1],
  summary: 'Answers a question by searching; or measures the systems on questions with known answers.',
  options: {
    corpus: { type: 'string', value: 'F', help: 'demo (default), a JSONL file, or the folder of an index' },
    system: { type: 'string', value: 's3|naive-rag', help: 'default: s3; with --split or --questions both' },
    searcher: { type: 'string', value: 'M', help: 'the model that searches; default demo' },
    generator: { type: 'string', value: 'M', help: 'the model that answers; default demo' },
    mode: { type: 'string', value: 'dense|bm25', help: 'retrieval; default: dense where there are vectors' },
    device: deviceOption,
    turns: { type: 'string', value: 'N', help: 'turns in which the searcher may search; default 3' },
    found: {
      type: 'string',
      value: 'N',
      help: 'documents found per query; default 8, or what the searcher was trained with',
    },
    kept: { type: 'string', value: 'N', help: 'documents selected per turn at most; default 3' },
    seed: { type: 'string', value: 'N', help: 'for sampling; default 0' },
    trace: { type: 'boolean', help: 'print every step as it happens; with --json the trace file' },
    split: { type: 'string', value: 'dev|test', help: 'measure on these questions of the demo' },
    questions: {
      type: 'string',
      value: 'FILE',
      help: 'measure on these: JSON lines with question, answers, gold',
    },
    limit: { type: 'string', value: 'N', help: 'measure on the first N only' },
  },
  async run(values, [question], console) {
    const file = questionFile(values);
    if ((question === undefined) === (file === undefined)) {
      throw new UsageError('`s3 ask` takes either a question or --split or --questions.');
    }
    const system = oneOf('system', values.system, [...systemIds, 'both'], file === undefined ? 's3' : 'both');
    const mode = oneOf('mode', values.mode, ['dense', 'bm25', 'auto'], 'auto');
    const seed = wholeNumber('seed', values.seed, 0, 0);
    const limit = wholeNumber('limit', values.limit, 1, Infinity);
    const models = new Models(console, readDevice(values.device));
    try {
      const { retriever, mode: chosen, name } = await chooseRetriever(values.corpus ?? 'demo', mode, console);
      console.note(`Corpus ${name}, ${chosen === 'dense' ? 'dense search' : 'BM25'}`);
      const generator = await models.open(values.generator ?? 'demo');
      // Naive RAG has no searcher, and must not wait for one.
      const searcher = system === 'naive-rag' ? generator : await models.open(values.searcher ?? 'demo');
      const laboratory: Laboratory = {
        searcher: searcher.model,
        generator: generator.model,
        retriever,
        settings: searchSettings(values, searcher),
      };
      const systems: SystemId[] = system === 'both' ? [...systemIds] : [system];
      if (file !== undefined) {
        await measure(systems, laboratory, await readQuestions(file, limit), seed, console);
        return;
      }
      for (const id of systems)
        await answer(id, laboratory, question ?? '', seed, values.trace ?? false, console);
    } finally {
      await models.dispose();
    }
  },
});

/** What was asked for, else what the searcher was trained with, else 8-3-3. */
function searchSettings(
  { turns, found, kept }: { turns?: string; found?: string; kept?: string },
  { search }: OpenModel,
): Partial<S3Settings> {
  return {
    ...s3Settings(),
    ...search,
    ...(found !== undefined && { documentsPerQuery: wholeNumber('found', found, 1, 8) }),
    ...(kept !== undefined && { documentsSelected: wholeNumber('kept', kept, 1, 3) }),
    ...(turns !== undefined && { maxTurns: wholeNumber('turns', turns, 1, 3) }),
  };
}

function questionFile({ split, questions }: { split?: string; questions?: string }): string | undefined {
  if (split === undefined) return questions;
  if (questions !== undefined) throw new UsageError('--split and --questions exclude each other.');
  return join(demoFolder, `questions.${oneOf('split', split, ['dev', 'test'], 'dev')}.jsonl`);
}

async function answer(
  system: SystemId,
  laboratory: Laboratory,
  question: string,
  seed: number,
  trace: boolean,
  console: Console,
): Promise<void> {
  const { signal, json } = console;
  const file = await runTrace(system, laboratory, question, { signal, seed }, (event) => {
    if (!trace || json || event.type === 'delta') return;
    for (const line of eventLines(event)) console.out(line);
  });
  const text = requireAnswer(file);
  if (json) console.out(JSON.stringify(trace ? file : { system, question, answer: text }));
  else if (!trace) console.out(text);
}

async function measure(
  systems: readonly SystemId[],
  laboratory: Laboratory,
  questions: readonly Question[],
  seed: number,
  console: Console,
): Promise<void> {
  const rows = [];
  for (const id of systems) {
    const tally = new AccuracyTally(id);
    let done = 0;
    for (const question of questions) {
      const { answers: goldAnswers, gold: goldIds } = question;
      const options = { signal: console.signal, seed, goldAnswers, goldIds };
      tally.add(question, await runTrace(id, laboratory, question.question, options));
      done += 1;
      if (done % 10 === 0)
        console.note(`${id}: ${done}/${questions.length}, accuracy ${tally.row().accuracy.toFixed(3)}`);
    }
    rows.push(tally.row());
  }
  if (console.json) console.out(JSON.stringify({ systems: rows }));
  else for (const line of accuracyLines(rows)) console.out(line);
}
