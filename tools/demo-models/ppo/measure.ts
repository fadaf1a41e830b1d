/**
 * Compares an adapter with the model that it was trained from, greedily, on questions of the demo's dev or test world:
 *
 *   npx tsx tools/demo-models/ppo/measure.ts --adapter DIR [--split dev|test] [--limit N] [--trained-only] [--json]
 *
 * The generator is the base model in both; only the searcher differs.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AccuracyTally, accuracyLines } from '../../../cli/accuracy';
import type { Console } from '../../../cli/command';
import { chooseRetriever } from '../../../cli/corpus-retriever';
import { demoFolder } from '../../../cli/folders';
import { FolderSource } from '../../../cli/folder-source';
import { Models } from '../../../cli/models';
import { readQuestions } from '../../../cli/questions';
import { runTrace } from '../../../cli/run-system';
import { readAdapter } from '../../../src/generate/adapter-files';
import { usingAdapter } from '../../../src/generate/using-adapter';
import { LocalModel } from '../../../src/lm/local-model';
import type { LanguageModel } from '../../../src/protocol/language-model';

const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    split: { type: 'string', default: 'dev' },
    limit: { type: 'string', default: '200' },
    'trained-only': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const console_: Console = {
  out: console.log,
  note: console.error,
  json: false,
  signal: new AbortController().signal,
};
const models = new Models(console_, 'cpu', 'f32');
const { model } = await models.open('demo');
if (!(model instanceof LocalModel)) throw new Error('The demo is no local model.');
const searchers: [string, LanguageModel][] = values['trained-only'] ? [] : [['base', model]];
if (values.adapter !== undefined) {
  const source = await FolderSource.open(values.adapter);
  await model.addAdapter('trained', (config) => readAdapter(source, config));
  searchers.push(['trained', usingAdapter(model, 'trained', 'trained')]);
}
const { retriever } = await chooseRetriever('demo', 'dense', console_);
const settings = { promptStyle: 'compact', documentsPerQuery: 5 } as const;
const file = join(demoFolder, `questions.${values.split}.jsonl`);
const questions = await readQuestions(file, Number(values.limit));
const rows: Record<string, object> = {};
for (const [name, searcher] of searchers) {
  const tally = new AccuracyTally('s3');
  const hops = new Map<string, AccuracyTally>();
  for (const question of questions) {
    const { answers: goldAnswers, gold: goldIds } = question;
    const laboratory = { searcher, generator: model, retriever, settings };
    const trace = await runTrace('s3', laboratory, question.question, { seed: 0, goldAnswers, goldIds });
    tally.add(question, trace);
    const key = String(question.hops ?? '');
    hops.set(key, (hops.get(key) ?? new AccuracyTally('s3')).add(question, trace));
  }
  const byHops = Object.fromEntries([...hops].sort().map(([key, part]) => [key, part.row().accuracy]));
  rows[name] = { ...tally.row(), byHops };
  if (!values.json) {
    console.log(`${name}: ${JSON.stringify(byHops)}`);
    for (const line of accuracyLines([tally.row()])) console.log(line);
  }
}
if (values.json) console.log(JSON.stringify({ split: values.split, questions: questions.length, ...rows }));
await models.dispose();
process.exit(0);
