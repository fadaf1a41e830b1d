import { createHash } from 'node:crypto';
import { GENERATOR_VERSION, generateWorld } from './generate';
import type { World, WorldQuestion } from './types';

export const DEMO = { seed: 's3-web demo', passages: 1000, questions: 400 } as const;

/** The files of the embedded demo by name: one corpus of a dev and a test world, and the questions of each. */
export function demoFiles(): Map<string, string> {
  const { seed, passages, questions } = DEMO;
  const dev = generateWorld({ seed, split: 'dev', passages, questions });
  const test = generateWorld({ seed, split: 'test', passages, questions });
  const corpus = [...dev.passages, ...test.passages].map(({ id, title, text }) => ({ id, title, text }));
  const files = new Map([
    ['corpus.jsonl', jsonLines(corpus)],
    ['questions.dev.jsonl', jsonLines(dev.questions.map(questionRow))],
    ['questions.test.jsonl', jsonLines(test.questions.map(questionRow))],
  ]);
  const manifest = {
    generator: 'tools/world',
    version: GENERATOR_VERSION,
    seed,
    counts: { passages: corpus.length, dev: summary(dev), test: summary(test) },
    files: Object.fromEntries(
      [...files].map(([name, text]) => [
        name,
        { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') },
      ]),
    ),
  };
  return files.set('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
}

const jsonLines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const questionRow = ({ id, question, answers, hops, kind, gold }: WorldQuestion) => ({
  id,
  question,
  golden_answers: answers,
  hops,
  kind,
  gold,
});

function summary(world: World) {
  const count = (test: (question: WorldQuestion) => boolean) => world.questions.filter(test).length;
  return {
    passages: world.passages.length,
    questions: world.questions.length,
    lookup: count(({ kind }) => kind === 'lookup'),
    bridge2: count(({ kind, hops }) => kind === 'bridge' && hops === 2),
    bridge3: count(({ kind, hops }) => kind === 'bridge' && hops === 3),
    comparison: count(({ kind }) => kind === 'comparison'),
  };
}
