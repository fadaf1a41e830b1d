/**
 * Measures the demo on its dev and test questions and writes `models/demo/measurements.json`: naive RAG, s3 with the demo
 * searcher, and s3 with the oracle policy of the demonstrations before the same reader, which bounds it from above.
 *
 *   npx tsx tools/demo-models/measure.ts [--limit N] [--splits dev,test]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AccuracyTally, accuracyLines, type AccuracyRow } from '../../cli/accuracy';
import type { Console } from '../../cli/command';
import { chooseRetriever } from '../../cli/corpus-retriever';
import { demoFolder } from '../../cli/folders';
import { Models } from '../../cli/models';
import { readQuestions } from '../../cli/questions';
import { runTrace, type Laboratory } from '../../cli/run-system';
import { DEMO } from '../world/demo';
import { generateWorld, GENERATOR_VERSION } from '../world/generate';
import type { Split } from '../world/types';
import { OracleSearcher } from './oracle';

const { values } = parseArgs({
  options: {
    limit: { type: 'string', default: '1000' },
    splits: { type: 'string', default: 'dev,test' },
    model: { type: 'string', default: 'demo' },
  },
});
const console_: Console = {
  out: console.log,
  note: console.error,
  json: false,
  signal: new AbortController().signal,
};

const models = new Models(console_, 'cpu');
const demo = await models.open(values.model);
const { retriever } = await chooseRetriever('demo', 'dense', console_);
const settings = { promptStyle: 'compact', documentsPerQuery: 5 } as const;
const result: Record<string, Record<string, AccuracyRow & { byHops: Record<string, number> }>> = {};
for (const split of values.splits.split(',') as Split[]) {
  const world = generateWorld({ ...DEMO, split });
  const laboratory: Laboratory = { searcher: demo.model, generator: demo.model, retriever, settings };
  const oracle = { ...laboratory, searcher: new OracleSearcher(world.questions, world.passages) };
  const questions = await readQuestions(join(demoFolder, `questions.${split}.jsonl`), Number(values.limit));
  const hops = new Map(
    world.questions.map((q) => [q.id, q.kind === 'comparison' ? 'comparison' : String(q.hops)]),
  );
  const rows: AccuracyRow[] = [];
  for (const [name, system, parts] of [
    ['naive RAG', 'naive-rag', laboratory],
    ['s3, demo searcher', 's3', laboratory],
    ['s3, oracle searcher', 's3', oracle],
  ] as const) {
    const all = new AccuracyTally(system);
    const parted = new Map<string, AccuracyTally>();
    for (const question of questions) {
      const { answers: goldAnswers, gold: goldIds } = question;
      const trace = await runTrace(system, parts, question.question, { seed: 0, goldAnswers, goldIds });
      const part = hops.get(question.id) ?? '';
      all.add(question, trace);
      parted.set(part, (parted.get(part) ?? new AccuracyTally(system)).add(question, trace));
    }
    const byHops = Object.fromEntries(
      [...parted].sort().map(([part, tally]) => [part, tally.row().accuracy]),
    );
    (result[split] ??= {})[name] = { ...all.row(), byHops };
    rows.push(all.row());
    console.log(split, name, JSON.stringify(byHops));
  }
  for (const line of accuracyLines(rows)) console.log(line);
}
if (values.model === 'demo') {
  const file = { generator: GENERATOR_VERSION, settings: { ...settings, seed: 0 }, ...result };
  writeFileSync('models/demo/measurements.json', `${JSON.stringify(file, null, 2)}\n`);
}
await models.dispose();
process.exit(0);
