import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readAdapter } from '../../src/generate/adapter-files';
import { parseModelConfig } from '../../src/lm/config';
import { closeModel } from '../../src/lm/import/open-model';
import { AppError } from '../../src/protocol/errors';
import type { ExportedFile } from '../../src/protocol/model-export';
import { s3Settings } from '../../src/agent/settings';
import type { RunRecord } from '../../src/train/records';
import { verlParquet, verlRows } from '../../src/train/export-verl';
import { verlCommand } from '../../src/train/export-verl-command';
import { PrecomputeJournal } from '../../src/train/precompute/journal';
import { baselineSettings } from '../../src/train/runs/baselines';
import { exportCheckpoint } from '../../src/train/runs/export-run';
import { filterQuestions } from '../../src/train/runs/filter';
import { agentSettings } from '../../src/train/runs/open-session';
import { writeRunArchive } from '../../src/train/runs/run-archive';
import { openCheckpoint } from '../checkpoint';
import { defineCommand, oneOf, UsageError, wholeNumber, type Console } from '../command';
import { FolderSource } from '../folder-source';
import { appendedFile, cacheFile, journalFile, readRagCache } from './train-baselines';
import { runFolder, type RunFolder } from './train-run';
import { readTrainingQuestions } from './train-session';

const FORMATS = ['peft', 'safetensors', 'verl', 'run'] as const;

export const trainExport = defineCommand({
  name: 'train export',
  positionals: 'RUN',
  count: [1, 1],
  summary:
    'Writes what a run has trained: the adapter, the whole model with it merged in, the same recipe for verl, or the run as one file.',
  options: {
    format: { type: 'string', value: 'F', help: 'peft (default), safetensors, verl or run' },
    out: { type: 'string', value: 'PATH', help: 'folder to write; for run the file (required)' },
    step: { type: 'string', value: 'N', help: 'of a checkpoint; default the newest' },
    dtype: { type: 'string', value: 'T', help: 'of safetensors: f32, f16 or bf16 (default)' },
    gpus: { type: 'string', value: 'N', help: 'for verl: of the machine; default 5, as the paper' },
  },
  async run({ format, out, step, dtype, gpus }, [path = ''], console) {
    if (out === undefined) throw new UsageError('`s3 train export` needs --out.');
    const wanted = oneOf('format', format, FORMATS, 'peft');
    const target = runFolder(path);
    const record = await target.store.get(target.run);
    if (wanted === 'run') {
      const { blob } = await writeRunArchive(target.store, record);
      await writeFile(`${out}.part`, new Uint8Array(await blob.arrayBuffer()));
      await rename(`${out}.part`, out);
      tell([{ path: out, bytes: blob.size }], console);
    } else if (wanted === 'verl') {
      tell(await writeVerl(target, record, out, wholeNumber('gpus', gpus, 1, 5)), console);
    } else {
      const type = oneOf('dtype', dtype, ['f32', 'f16', 'bf16'], 'bf16');
      const number = step === undefined ? undefined : wholeNumber('step', step, 0, 0);
      tell(await writeWeights(target, record, { format: wanted, out, type, step: number }, console), console);
    }
  },
});

interface Written {
  path: string;
  bytes: number;
}

async function writeWeights(
  { store, run }: RunFolder,
  { config }: RunRecord,
  options: {
    format: 'peft' | 'safetensors';
    out: string;
    type: 'f32' | 'f16' | 'bf16';
    step: number | undefined;
  },
  console: Console,
): Promise<Written[]> {
  const { format, out, type, step } = options;
  const { signal } = console;
  const loaded = await store.load(run, step);
  if (!loaded) {
    throw new AppError('NOT_FOUND', 'The run has no checkpoint yet.', { fix: 'Train a step first.' });
  }
  for (const damaged of loaded.damaged) console.note(`The checkpoint of step ${damaged.step} is damaged.`);
  console.note(`Checkpoint of step ${loaded.info.step}`);
  const model = await openCheckpoint(config.searcher.model, config.searcher.weights, console);
  try {
    const { adapter } = config.searcher;
    const start =
      adapter === undefined
        ? undefined
        : await readAdapter(await FolderSource.open(adapter), parseModelConfig(model.config), signal);
    const { state } = loaded.content;
    const files = await exportCheckpoint(format, { model, config, state, start, type, signal });
    for (const file of files) await writeFile_(join(out, file.path), file, signal);
    return files.map(({ path, bytes }) => ({ path: join(out, path), bytes }));
  } finally {
    await closeModel(model);
  }
}

/** A file appears under its name when all of it is written. */
async function writeFile_(path: string, exported: ExportedFile, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.part`, 'w');
  try {
    for await (const part of exported.parts(signal)) await file.writeFile(part);
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

/** The rows of the questions that the run learns from, and the command of the launch. */
async function writeVerl(
  { folder }: RunFolder,
  { config }: RunRecord,
  out: string,
  gpus: number,
): Promise<Written[]> {
  const { command, notes } = verlCommand({ config, dataFolder: 'data', gpus });
  const all = await readTrainingQuestions(config.questions.source);
  const journal = await PrecomputeJournal.open(
    appendedFile(join(folder, journalFile)),
    baselineSettings(config),
  );
  const cache = journal.cache();
  cache.merge(await readRagCache(join(folder, cacheFile)));
  const { questions } = filterQuestions(all, config, cache);
  const settings = s3Settings(agentSettings(config));
  const { initialDocuments } = settings;
  const rows = verlRows({
    ...{ questions, sequences: journal.sequences(), prompt: settings, initialDocuments, split: 'train' },
  });
  const readme = `${notes.map((note) => `# ${note}\n`).join('')}${command}\n`;
  const files: [string, string | Uint8Array][] = [
    ['data/train_e5_s3.parquet', verlParquet(rows)],
    ['launch.sh', readme],
    ['rag_cache.json', cache.toText()],
    ['config.json', `${JSON.stringify(config, null, 2)}\n`],
  ];
  const written: Written[] = [];
  for (const [name, content] of files) {
    const path = join(out, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    written.push({ path, bytes: (await readFile(path)).length });
  }
  return written;
}

function tell(files: readonly Written[], console: Console): void {
  if (console.json) console.out(JSON.stringify({ files }));
  else for (const { path } of files) console.out(path);
}
