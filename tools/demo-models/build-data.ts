/**
 * Writes the training data of the demo models: the tokenizer, shards of token sequences for the language model, and pairs
 * for the encoder. Every shard comes from a fresh training world, so nothing can be learnt by heart but the language.
 *
 *   npx tsx tools/demo-models/build-data.ts --out DIR --stage short --worlds 100 [--first 0]
 */
import { mkdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../world/random';
import { generateLookups, generateWorld } from '../world/generate';
import {
  answerMessages,
  renderInitialResults,
  renderSearchResults,
  renderTask,
} from '../../src/agent/prompts';
import { BpeEncoder, tokenizerFiles, trainBpe, type BpeModel } from './bpe';
import { chatPrompt, EpisodeWriter, type EpisodeShape, type Sequence } from './episodes';

const VOCABULARY = 3072;

/** Copying is learnt on short episodes first; the later stages look like real runs. */
const STAGES: Record<string, EpisodeShape> = {
  exercises: { initialDocuments: 0, windowDocuments: 0, maxTurns: 0, readerDistractors: 1, noise: 0 },
  short: { initialDocuments: 2, windowDocuments: 2, maxTurns: 3, readerDistractors: 1, noise: 0.5 },
  middle: { initialDocuments: 3, windowDocuments: 3, maxTurns: 3, readerDistractors: 2, noise: 0.5 },
  full: { initialDocuments: 3, windowDocuments: 5, maxTurns: 3, readerDistractors: 4, noise: 0.5 },
};

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: '.cache/demo-models' },
    stage: { type: 'string', default: 'short' },
    worlds: { type: 'string', default: '10' },
    first: { type: 'string', default: '0' },
    passages: { type: 'string', default: '300' },
    questions: { type: 'string', default: '150' },
  },
});
const out = values.out;
const shape = STAGES[values.stage];
if (!shape) throw new Error(`Unknown stage ${values.stage}. One of: ${Object.keys(STAGES).join(', ')}.`);
mkdirSync(join(out, values.stage), { recursive: true });

const exercising = values.stage === 'exercises';
const worldFor = (seed: string, generate = generateWorld) =>
  generate({ seed, split: 'train', passages: Number(values.passages), questions: Number(values.questions) });

function tokenizer(): BpeEncoder {
  const file = join(out, 'bpe.json');
  if (!existsSync(file)) {
    const model = trainBpe(tokenizerTexts(), VOCABULARY);
    writeFileSync(file, JSON.stringify({ vocab: [...model.vocab], merges: model.merges }));
    const files = tokenizerFiles(model);
    writeFileSync(join(out, 'tokenizer.json'), JSON.stringify(files.tokenizer));
    writeFileSync(join(out, 'tokenizer_config.json'), JSON.stringify(files.config, null, 2));
  }
  const saved = JSON.parse(readFileSync(file, 'utf8')) as {
    vocab: [string, number][];
    merges: BpeModel['merges'];
  };
  return new BpeEncoder({ vocab: new Map(saved.vocab), merges: saved.merges });
}

/** Prompts and passages in the proportions in which the model meets them. */
function* tokenizerTexts(): Generator<string> {
  for (let i = 0; i < 40; i++) {
    const world = worldFor(`tokenizer-${i}`);
    for (const passage of world.passages) yield renderSearchResults([passage]);
    for (const [j, q] of world.questions.entries()) {
      const passage = world.passages[j % world.passages.length];
      if (!passage) continue;
      yield renderTask(q.question, renderInitialResults([passage]));
      yield chatPrompt(answerMessages(q.question, `Doc 1 (Title: ${passage.title})\n${passage.text}\n\n`));
      for (const step of q.plan)
        yield `True False unknown [1, 2, 3]\n{"query": ${JSON.stringify(step.query)}}`;
    }
  }
}

function writeShard(path: string, sequences: readonly Sequence[]): void {
  writeFileSync(
    `${path}.lengths.u32`,
    Uint32Array.from(sequences, (s) => s.inputs.length),
  );
  writeFileSync(`${path}.inputs.u16`, Uint16Array.from(sequences.flatMap((s) => s.inputs)));
  writeFileSync(`${path}.targets.u16`, Uint16Array.from(sequences.flatMap((s) => s.targets)));
  writeFileSync(`${path}.own.u8`, Uint8Array.from(sequences.flatMap((s) => s.own)));
}

const encoder = tokenizer();
const first = Number(values.first);
for (let i = first; i < first + Number(values.worlds); i++) {
  const world = worldFor(`${values.stage}-${i}`, exercising ? generateLookups : generateWorld);
  const writer = new EpisodeWriter(world, encoder, shape, new Random(`episodes-${values.stage}-${i}`));
  const sequences = [...(exercising ? writer.exercises() : writer.sequences())];
  writeShard(join(out, values.stage, String(i).padStart(5, '0')), sequences);
  if (i % 20 === 0) {
    const tokens = sequences.reduce((sum, s) => sum + s.inputs.length, 0);
    console.log(
      `${values.stage} ${i}: ${sequences.length} sequences, mean ${(tokens / sequences.length).toFixed(0)} tokens`,
    );
  }
}
