/**
 * Copies trained models from the training folder into `models/` and writes `models/registry.json` with the size and
 * SHA-256 of every file, and with the published checkpoints of `published.ts`.
 *
 *   npx tsx tools/demo-models/publish.ts [--from DIR]     (without --from: only the registry, from what is in models/)
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import type { RegistryModel } from '../../src/protocol/registry';
import { PUBLISHED } from './published';

type Entry = Omit<RegistryModel, 'bytes' | 'files'> & {
  /** Path in the model's folder → path in the training folder; `null`: written into the model's folder by `measure.ts`. */
  sources: Record<string, string | null>;
};

const ENTRIES: Entry[] = [
  {
    id: 'demo',
    title: 'Demo searcher and generator',
    role: 'language-model',
    description:
      'Qwen2 architecture, 4 layers of width 128, 1.2 million parameters. Searches in the compact prompt style and reads answers from documents, for worlds like the embedded one.',
    licence: 'Apache-2.0',
    howMade:
      'Trained from scratch on demonstrations in fresh generated worlds: tools/demo-models (seed 7, log in train.log).',
    search: { promptStyle: 'compact', documentsPerQuery: 5 },
    sources: {
      'config.json': 'lm/config.json',
      'model.safetensors': 'lm/model.safetensors',
      'tokenizer.json': 'tokenizer.json',
      'tokenizer_config.json': 'tokenizer_config.json',
      'train.log': 'lm/train.log',
      'measurements.json': null,
    },
  },
  {
    id: 'demo-ppo',
    title: 'Demo searcher, trained by PPO',
    role: 'adapter',
    base: 'demo',
    description:
      'A LoRA adapter of rank 16 on the demo model: 25 steps of PPO on questions of a training world, rewarded for the gain beyond plain RAG. The Train page replays the run.',
    licence: 'Apache-2.0',
    howMade: 'Trained here: tools/demo-models/ppo (seed 1, every step in train.jsonl).',
    search: { promptStyle: 'compact', documentsPerQuery: 5 },
    // Written by ppo/publish.ts.
    sources: {
      'adapter_config.json': null,
      'adapter_model.safetensors': null,
      'train.jsonl': null,
      'run.s3run.gz': null,
    },
  },
  {
    id: 'demo-encoder',
    title: 'Demo encoder',
    role: 'encoder',
    description:
      'BERT architecture with E5 conventions, 2 layers of width 128, 0.8 million parameters, ONNX.',
    licence: 'Apache-2.0',
    howMade:
      'Trained from scratch with InfoNCE on pairs of fresh generated worlds: tools/demo-models (seed 11, log in train.log).',
    sources: {
      'config.json': 'encoder/config.json',
      'tokenizer.json': 'encoder/tokenizer.json',
      'tokenizer_config.json': 'encoder/tokenizer_config.json',
      'onnx/model.onnx': 'encoder/onnx/model.onnx',
      'train.log': 'encoder/train.log',
    },
  },
];

const { values } = parseArgs({ options: { from: { type: 'string' } } });

function describe({ sources, ...entry }: Entry): RegistryModel {
  const files = Object.entries(sources).map(([path, source]) => {
    const target = join('models', entry.id, path);
    if (values.from !== undefined && source !== null) {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(values.from, source), target);
    }
    const sha256 = createHash('sha256').update(readFileSync(target)).digest('hex');
    return { path, sha256, bytes: statSync(target).size };
  });
  return { ...entry, bytes: files.reduce((sum, file) => sum + file.bytes, 0), files };
}

const published = ENTRIES.filter((e) =>
  values.from === undefined
    ? existsSync(join('models', e.id))
    : Object.values(e.sources).every(
        (source) => source === null || existsSync(join(values.from ?? '', source)),
      ),
);
const models = published.map(describe);
writeFileSync(
  'models/registry.json',
  await format(JSON.stringify({ models, published: PUBLISHED }), { parser: 'json', printWidth: 110 }),
);
for (const model of models) console.log(`${model.id}: ${model.files.length} files, ${model.bytes} bytes`);
