/**
 * Publishes a checkpoint of the demo's PPO run: the adapter in PEFT's form, the log of every step, and the run as one file that the
 * Train page replays and goes on with. `npx tsx tools/demo-models/publish.ts` then brings the registry up to date.
 *
 *   npx tsx tools/demo-models/ppo/publish.ts --run DIR --step N
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { runFolder } from '../../../cli/commands/train-run';
import { parseModelConfig } from '../../../src/lm/config';
import { writePeftAdapter } from '../../../src/lm/lora/write-peft';
import { readCheckpoint } from '../../../src/train/runs/checkpoint-file';
import { DEMO_TRAIN } from '../../../src/train/runs/demo-train';
import { readRunRecord } from '../../../src/train/runs/record-schema';
import { writeRunArchive } from '../../../src/train/runs/run-archive';
import { adapterOf } from '../../../src/train/runs/run-weights';

/** Its id, in every laboratory that imports it. */
const RUN = 'demo-ppo';

const { values } = parseArgs({
  options: {
    run: { type: 'string' },
    step: { type: 'string' },
    out: { type: 'string', default: 'models/demo-ppo' },
  },
});
if (values.run === undefined || values.step === undefined) throw new Error('--run DIR --step N are needed.');
const step = Number(values.step);
const scratch = await mkdtemp(join(tmpdir(), 'demo-ppo-'));
try {
  const copy = join(scratch, RUN);
  await cp(values.run, copy, { recursive: true });
  const recordFile = join(copy, 'run.json');
  const record = readRunRecord(await readFile(recordFile, 'utf8'));
  const checkpoints = record.checkpoints.filter((one) => one.step === step);
  if (checkpoints.length === 0) throw new Error(`The run has no checkpoint of step ${step}.`);
  const { config } = record;
  // Whatever file the questions were read from: these are those that come with the project.
  const questions = { ...config.questions, source: DEMO_TRAIN };
  const published = {
    ...{ ...record, id: RUN, checkpoints, status: 'stopped' },
    config: { ...config, name: 'The demo’s own run', questions },
  };
  await writeFile(recordFile, JSON.stringify(published, null, 2));
  const { store, run } = runFolder(copy);
  const { state, cursor } = await readCheckpoint(await store.payload(run, step));
  const { blob } = await writeRunArchive(store, await store.rewind(run, step, cursor));
  await mkdir(values.out, { recursive: true });
  const archive = new Uint8Array(await blob.arrayBuffer());
  await writeFile(join(values.out, 'run.s3run.gz'), gzipSync(archive, { level: 9 }));
  const model = parseModelConfig(JSON.parse(await readFile('models/demo/config.json', 'utf8')));
  for (const { path, bytes } of writePeftAdapter(adapterOf(state, config, undefined), model.layers)) {
    await writeFile(join(values.out, path), bytes);
  }
  await cp(join(copy, 'metrics.jsonl'), join(values.out, 'train.jsonl'));
} finally {
  await rm(scratch, { recursive: true, force: true });
}
