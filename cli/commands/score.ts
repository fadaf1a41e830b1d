import { readFile } from 'node:fs/promises';
import { readGoldAnswers, readPredictions } from '../../src/evaluation/prediction-files';
import { scorePredictions } from '../../src/evaluation/score-predictions';
import { parseQrels, parseRun, scoreRun, type TrecScores } from '../../src/evaluation/trec';
import { AppError } from '../../src/protocol/errors';
import { defineCommand, UsageError, type Console } from '../command';

export const score = defineCommand({
  name: 'score',
  positionals: 'PREDICTIONS GOLD',
  count: [2, 2],
  summary:
    'Scores predictions (JSON lines {id, prediction}) against gold answers ({id, golden_answers}); with --trec a run against judgements.',
  options: {
    trec: { type: 'boolean', help: 'RUN QRELS in TREC form: the measures of trec_eval' },
    each: { type: 'boolean', help: 'one line for each id, too' },
    complete: { type: 'boolean', help: 'with --trec: judged queries that the run lacks count 0' },
  },
  async run({ trec, each = false, complete = false }, [first = '', second = ''], console) {
    const [left, right] = await Promise.all([read(first), read(second)]);
    if (trec) {
      scoreTrec(left, right, { each, complete }, console);
      return;
    }
    if (complete) throw new UsageError('--complete goes with --trec.');
    const { each: rows, ...all } = scorePredictions(readPredictions(left), readGoldAnswers(right));
    if (all.missing > 0) console.note(`${all.missing} of ${all.n} have no prediction and count 0.`);
    if (all.unknown > 0) console.note(`${all.unknown} predictions have no gold answer and are left out.`);
    if (all.missing === all.n) {
      throw new AppError('BAD_INPUT', 'Predictions and gold answers have no id in common.', {
        fix: 'Check that both are of the same data set, and in this order: predictions, gold answers.',
      });
    }
    if (each) for (const row of rows) console.out(JSON.stringify(row));
    if (console.json || each) console.out(JSON.stringify(all));
    else {
      const names = { em: 'EM', f1: 'F1', acc: 'accuracy', cover_em: 'cover EM' } as const;
      for (const name of ['em', 'f1', 'acc', 'cover_em'] as const) {
        console.out(`${names[name].padEnd(10)}${all[name].toFixed(4)}`);
      }
      console.out(`${'questions'.padEnd(10)}${all.n}`);
    }
  },
});

function scoreTrec(
  run: string,
  qrels: string,
  { each, complete }: { each: boolean; complete: boolean },
  console: Console,
): void {
  const { all, queries, missing } = scoreRun(parseRun(run), parseQrels(qrels), complete);
  if (missing > 0) {
    console.note(`${missing} judged queries are not in the run${complete ? ' and count 0' : ''}.`);
  }
  if (console.json) {
    if (each) for (const [id, scores] of queries) console.out(JSON.stringify({ id, ...scores }));
    console.out(JSON.stringify(all));
    return;
  }
  if (each) for (const [id, scores] of queries) for (const line of trecLines(id, scores)) console.out(line);
  for (const line of trecLines('all', all)) console.out(line);
}

/** As trec_eval prints them. */
const trecLines = (query: string, scores: TrecScores): string[] =>
  Object.entries(scores).map(
    ([name, value]) =>
      `${name.padEnd(22)}\t${query}\t${name.startsWith('num_') ? String(value) : value.toFixed(4)}`,
  );

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('NOT_FOUND', `${path} cannot be read.`, { fix: 'Check the path.', cause });
  }
}
