import { join } from 'node:path';
import { RETRIEVAL_MODES, type RetrievalMode } from '../../src/protocol/retrieval';
import { s3Settings, type S3Settings } from '../../src/agent/settings';
import { REWRITE_PROMPTS } from '../../src/agent/baselines/deepretrieval-prompts';
import { SYSTEMS } from '../../src/agent/system-facts';
import type { SystemSettings } from '../../src/agent/systems';
import { isEndpointReference } from '../../src/generate/endpoint';
import { SYSTEM_IDS, type SystemId } from '../../src/protocol/trace';
import { AccuracyTally, accuracyLines } from '../accuracy';
import { defineCommand, oneOf, UsageError, wholeNumber, type Console } from '../command';
import { deviceOption, readDevice } from '../backend';
import { repeatsOption } from '../corpus-reader';
import { chooseRetriever } from '../corpus-retriever';
import { demoFolder } from '../folders';
import { hybridOptions, searchSettings as hybridSettings, type HybridOptions } from '../hybrid-options';
import { tuned } from '../linked-corpus';
import { Models, type OpenModel } from '../models';
import { readQuestions, type Question } from '../questions';
import { requireAnswer, runTrace, type Laboratory } from '../run-system';
import { eventLines } from '../trace-text';

export const ask = defineCommand({
  name: 'ask',
  positionals: '["QUESTION"]',
  count: [0, 1],
  summary: 'Answers a question by searching; or measures the systems on questions with known answers.',
  options: {
    corpus: {
      type: 'string',
      value: 'F',
      help: 'demo (default), a JSONL file, an index (its folder or address), or a server such as qdrant://host/name',
    },
    ...repeatsOption,
    system: { type: 'string', value: 'S', help: `default: s3; one of ${SYSTEM_IDS.join(', ')}` },
    systems: {
      type: 'string',
      value: 'S,S',
      help: 'several; default with --split or --questions: s3,naive-rag',
    },
    searcher: { type: 'string', value: 'M', help: 'the model that searches; default demo' },
    generator: { type: 'string', value: 'M', help: 'the model that answers; default demo' },
    mode: {
      type: 'string',
      value: 'dense|bm25|hybrid',
      help: 'retrieval; default: dense where there are vectors',
    },
    ...hybridOptions,
    device: deviceOption,
    protocol: {
      type: 'string',
      value: 'paper|code',
      help: 'where paper and published code differ; default paper',
    },
    rewrite: {
      type: 'string',
      value: 'P',
      help: "the prompt of DeepRetrieval's model, such as nq (default), triviaqa, pubmed",
    },
    tokens: {
      type: 'string',
      value: 'N',
      help: 'new tokens of a response of IRCoT and Search-o1 at most; default theirs at an endpoint, else 500',
    },
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
    const systems = chosenSystems(values, file === undefined);
    const mode = oneOf('mode', values.mode, [...RETRIEVAL_MODES, 'auto'], 'auto');
    const seed = wholeNumber('seed', values.seed, 0, 0);
    const limit = wholeNumber('limit', values.limit, 1, Infinity);
    const models = new Models(console, readDevice(values.device));
    try {
      const generator = await models.open(values.generator ?? 'demo');
      // What has no searcher must not wait for one.
      const searching = systems.some((id) => SYSTEMS[id].searcher);
      const searcher = searching ? await models.open(values.searcher ?? 'demo') : generator;
      const laboratory: Laboratory = {
        searcher: searcher.model,
        generator: generator.model,
        ...(await retrievers(values.corpus ?? 'demo', mode, systems, values, console)),
        settings: searchSettings(values, searcher),
        systems: systemSettings(values),
      };
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

function chosenSystems(
  { system, systems }: { system?: string; systems?: string },
  alone: boolean,
): readonly SystemId[] {
  if (system !== undefined && systems !== undefined) {
    throw new UsageError('--system and --systems exclude each other.');
  }
  if (system === undefined && systems === undefined) return alone ? ['s3'] : ['s3', 'naive-rag'];
  const names = systems === undefined ? [system] : systems.split(',').map((name) => name.trim());
  return [...new Set(names.map((name) => oneOf('system', name, SYSTEM_IDS, 's3')))];
}

/** What the systems need: the retriever of the mode, and BM25 beside it. */
async function retrievers(
  corpus: string,
  mode: RetrievalMode | 'auto',
  systems: readonly SystemId[],
  values: HybridOptions & { 'number-repeats'?: boolean },
  console: Console,
): Promise<Pick<Laboratory, 'retriever' | 'bm25'>> {
  const needed = systems.map((id) => SYSTEMS[id].retriever);
  // Closed-book systems search nothing; words are indexed sooner than meanings.
  const reading = { numberRepeats: values['number-repeats'] };
  const given = await chooseRetriever(corpus, needed.includes('given') ? mode : 'bm25', console, reading);
  if (needed.some((need) => need !== 'none')) {
    console.note(
      `Corpus ${given.name}, ${{ dense: 'dense search', bm25: 'BM25', hybrid: 'hybrid search' }[given.mode]}`,
    );
  }
  const { hybrid } = hybridSettings(values, given.mode);
  if (Object.keys(hybrid).length > 0) given.retriever = tuned(given.retriever, hybrid, {});
  if (given.mode === 'bm25') return { retriever: given.retriever, bm25: given.retriever };
  if (!needed.includes('bm25')) return { retriever: given.retriever };
  const words = await chooseRetriever(corpus, 'bm25', console, reading);
  return { retriever: given.retriever, bm25: words.retriever };
}

/** Search-o1 writes up to 8,192 tokens at once, which no model on this machine has room for. */
function systemSettings({
  rewrite,
  tokens,
  searcher = 'demo',
}: {
  rewrite?: string;
  tokens?: string;
  searcher?: string;
}): SystemSettings {
  const deepretrieval = { prompt: oneOf('rewrite', rewrite, REWRITE_PROMPTS, 'nq') };
  if (tokens === undefined && isEndpointReference(searcher)) return { deepretrieval };
  const limit = { responseTokens: wholeNumber('tokens', tokens, 1, 500) };
  return { deepretrieval, ircotS3: limit, searchO1: limit, searchO1S3: limit };
}

/** What was asked for, else what the searcher was trained with, else 8-3-3. */
function searchSettings(
  { turns, found, kept, protocol }: { turns?: string; found?: string; kept?: string; protocol?: string },
  { search }: OpenModel,
): Partial<S3Settings> {
  return {
    ...s3Settings({ mode: oneOf('protocol', protocol, ['paper', 'code'], 'paper') }),
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
