/**
 * Writes training pairs for the demo encoder: a question or a searcher's query, and the passage that it should find.
 * One shard is one fresh world, so that the other passages of a batch are its hard negatives.
 *
 *   npx tsx tools/demo-models/build-pairs.ts --out DIR --worlds 200
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Passage } from '../../src/protocol/retrieval';
import { generateWorld } from '../world/generate';
import { trainWordPiece, WordPieceEncoder, wordPieceFiles } from './wordpiece';

const VOCABULARY = 3072;
const MAX_QUERY_TOKENS = 48;
const MAX_PASSAGE_TOKENS = 112;

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: '.cache/demo-models' },
    worlds: { type: 'string', default: '100' },
    passages: { type: 'string', default: '300' },
    questions: { type: 'string', default: '150' },
  },
});
const dir = join(values.out, 'pairs');
mkdirSync(dir, { recursive: true });

const worldFor = (seed: string) =>
  generateWorld({
    seed,
    split: 'train',
    passages: Number(values.passages),
    questions: Number(values.questions),
  });

/** E5's prefix on the form in which s3's index builder hands passages to the encoder. */
const passageText = (p: Passage): string => `passage: "${p.title}"\n${p.text}`;

function* vocabularyTexts(): Generator<string> {
  for (let i = 0; i < 40; i++) {
    const world = worldFor(`tokenizer-${i}`);
    for (const passage of world.passages) yield passageText(passage);
    for (const question of world.questions) {
      yield `query: ${question.question}`;
      for (const step of question.plan) yield `query: ${step.query}`;
    }
  }
}

const vocabFile = join(values.out, 'wordpiece.json');
if (!existsSync(vocabFile)) {
  const vocab = trainWordPiece(vocabularyTexts(), VOCABULARY);
  const files = wordPieceFiles(vocab);
  mkdirSync(join(values.out, 'encoder'), { recursive: true });
  writeFileSync(vocabFile, JSON.stringify(vocab));
  writeFileSync(join(values.out, 'encoder', 'tokenizer.json'), JSON.stringify(files.tokenizer));
  writeFileSync(join(values.out, 'encoder', 'tokenizer_config.json'), JSON.stringify(files.config, null, 2));
}
const encoder = new WordPieceEncoder(JSON.parse(readFileSync(vocabFile, 'utf8')) as string[]);

const padded = (ids: readonly number[], length: number): number[] => [
  ...ids,
  ...new Array<number>(length - ids.length).fill(0),
];

for (let i = 0; i < Number(values.worlds); i++) {
  const world = worldFor(`pairs-${i}`);
  const index = new Map(world.passages.map((p, at) => [p.id, at]));
  const queries: number[] = [];
  const golds: number[] = [];
  const add = (text: string, passageId: string): void => {
    queries.push(...padded(encoder.encode(`query: ${text}`, MAX_QUERY_TOKENS), MAX_QUERY_TOKENS));
    golds.push(index.get(passageId) ?? 0);
  };
  for (const question of world.questions) {
    const [first] = question.gold;
    if (first !== undefined) add(question.question, first);
    for (const step of question.plan) {
      add(step.query, step.passageId);
      if (golds.length % 3 === 0) add(step.entity, step.passageId);
    }
  }
  const passages = world.passages.flatMap((p) =>
    padded(encoder.encode(passageText(p), MAX_PASSAGE_TOKENS), MAX_PASSAGE_TOKENS),
  );
  const path = join(dir, String(i).padStart(4, '0'));
  writeFileSync(`${path}.queries.u16`, Uint16Array.from(queries));
  writeFileSync(`${path}.golds.u16`, Uint16Array.from(golds));
  writeFileSync(`${path}.passages.u16`, Uint16Array.from(passages));
}
console.log(`${values.worlds} worlds of pairs in ${dir}`);
