/**
 * The data of the demo's PPO run: one fresh world of the `train` split, whose names occur in no dev or test world, as a corpus and
 * questions over it. Three in four of the one-hop questions and half of the comparisons, drawn by lot, are left out
 * (`left-out.txt`): the searcher has the most to learn from the others.
 *
 *   npx tsx tools/demo-models/ppo/build-data.ts --out DIR [--seed S] [--passages N] [--questions N] [--all]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateWorld } from '../../world/generate';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'public/demo/train' },
    seed: { type: 'string', default: 's3-web ppo' },
    passages: { type: 'string', default: '2000' },
    questions: { type: 'string', default: '2400' },
    all: { type: 'boolean', default: false },
  },
});

const world = generateWorld({
  ...{ seed: values.seed, split: 'train' },
  ...{ passages: Number(values.passages), questions: Number(values.questions) },
});
const leftOut = new Set(
  values.all
    ? []
    : readFileSync(new URL('left-out.txt', import.meta.url), 'utf8')
        .trim()
        .split('\n'),
);
const questions = world.questions.filter(({ id }) => !leftOut.has(id));
const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
mkdirSync(values.out, { recursive: true });
writeFileSync(
  join(values.out, 'corpus.jsonl'),
  lines(world.passages.map(({ id, title, text }) => ({ id, title, text }))),
);
writeFileSync(
  join(values.out, 'questions.jsonl'),
  lines(
    questions.map(({ id, question, answers, hops, kind, gold }) => ({
      ...{ id, question, golden_answers: answers, hops, kind, gold, dataset: 'demo-train' },
    })),
  ),
);
const count = (kind: string, hops: number): number =>
  questions.filter((q) => q.kind === kind && q.hops === hops).length;
console.log(
  `${world.passages.length} passages, ${questions.length} questions: ` +
    `${count('lookup', 1)} lookups, ${count('bridge', 2)} of two hops, ${count('bridge', 3)} of three, ` +
    `${count('comparison', 2)} comparisons`,
);
