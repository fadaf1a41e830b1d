/**
 * A run as one file: a line of JSON that lists what follows with lengths and hashes, then the files' bytes one after the other.
 * `run.json`, `metrics.jsonl`, `rollouts.jsonl`, and the checkpoints, which are safetensors.
 */
import * as v from 'valibot';
import { AppError } from '../../protocol/errors';
import { slugOf } from '../../protocol/model-ids';
import type { RunRecord } from '../records';
import type { RunExport } from '../worker-api';
import { readCheckpoint } from './checkpoint-file';
import { readRunRecord, readSteps } from './record-schema';
import type { RunStore } from './run-store';

const FORMAT = 's3-web/run';
/** Of the first line. */
const MOST_MANIFEST = 4 * 2 ** 20;
const MOST_FILES = 10_010;
/** Of what is read as text. */
const MOST_TEXT = 512 * 2 ** 20;

const manifestSchema = v.object({
  format: v.literal(FORMAT),
  version: v.literal(1),
  files: v.pipe(
    v.array(
      v.object({
        path: v.pipe(v.string(), v.regex(/^(run\.json|(metrics|rollouts)\.jsonl|checkpoints\/\d{1,9})$/)),
        bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
        sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      }),
    ),
    v.maxLength(MOST_FILES),
  ),
});

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** @throws AppError INTEGRITY where a checkpoint is damaged */
export async function writeRunArchive(store: RunStore, record: RunRecord): Promise<RunExport> {
  const steps = await store.steps(record.id);
  const rollouts: object[] = [];
  for (const { step } of steps)
    rollouts.push({ step, rollouts: (await store.step(record.id, step)).rollouts });
  const files: { path: string; bytes: Uint8Array<ArrayBuffer> }[] = [
    { path: 'run.json', bytes: encode(`${JSON.stringify(record, null, 2)}\n`) },
    { path: 'metrics.jsonl', bytes: encode(lines(steps)) },
    { path: 'rollouts.jsonl', bytes: encode(lines(rollouts)) },
  ];
  for (const { step } of record.checkpoints) {
    files.push({ path: `checkpoints/${step}`, bytes: await store.payload(record.id, step) });
  }
  const listed = await Promise.all(
    files.map(async ({ path, bytes }) => ({
      ...{ path, bytes: bytes.length },
      sha256: await store.sha256(bytes),
    })),
  );
  const manifest = `${JSON.stringify({ format: FORMAT, version: 1, files: listed })}\n`;
  return {
    name: `${slugOf(record.config.name)}.s3run`,
    blob: new Blob([manifest, ...files.map(({ bytes }) => bytes)], { type: 'application/octet-stream' }),
    files: listed.map(({ path, bytes }) => ({ path, bytes })),
  };
}

/**
 * Puts a run into the store, under a new id where its own is taken.
 * @throws AppError BAD_INPUT, INTEGRITY, STORAGE_FULL; nothing of it stays then
 */
export async function readRunArchive(store: RunStore, file: Blob): Promise<RunRecord> {
  const { entries, dataStart } = await readManifest(file);
  const bytesOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    const entry = entries.get(path);
    if (!entry) throw damaged(`${path} is missing`);
    const from = dataStart + entry.offset;
    const bytes = new Uint8Array(await file.slice(from, from + entry.bytes).arrayBuffer());
    if ((await store.sha256(bytes)) === entry.sha256) return bytes;
    throw new AppError('INTEGRITY', `The file is damaged: ${path} is not what it was.`, {
      fix: 'Export or copy it again.',
    });
  };
  const textOf = async (path: string): Promise<string> => {
    if ((entries.get(path)?.bytes ?? 0) > MOST_TEXT) throw damaged(`${path} is too large`);
    return new TextDecoder().decode(await bytesOf(path));
  };
  const given = readRunRecord(await textOf('run.json'));
  const steps = readSteps(await textOf('metrics.jsonl'), await textOf('rollouts.jsonl'));
  const record = await store.create(given.config, given.parent, await store.freeId(given.id));
  try {
    for (const { step, score, kept, sha256 } of given.checkpoints) {
      const bytes = await bytesOf(`checkpoints/${step}`);
      if ((await store.sha256(bytes)) !== sha256) throw damaged(`the checkpoint of step ${step} is another`);
      const content = await readCheckpoint(bytes);
      if (content.step !== step) throw damaged(`the checkpoint of step ${step} is another`);
      // Two generations at a time, as the run itself had them.
      await store.save(record.id, content, { score, kept });
    }
    for (const step of steps) await store.putStep(record.id, step, given.cursor);
    const { createdAt, status, step, cursor } = given;
    return await store.update(record.id, (made) => ({ ...made, createdAt, status, step, cursor }));
  } catch (error) {
    await store.remove(record.id);
    throw error;
  }
}

interface Entry {
  offset: number;
  bytes: number;
  sha256: string;
}

async function readManifest(file: Blob): Promise<{ entries: Map<string, Entry>; dataStart: number }> {
  const head = new Uint8Array(await file.slice(0, MOST_MANIFEST).arrayBuffer());
  const end = head.indexOf(0x0a);
  if (end < 0) throw damaged('it does not begin with a list of its files');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(head.subarray(0, end)));
  } catch {
    throw damaged('it does not begin with a list of its files');
  }
  const read = v.safeParse(manifestSchema, json);
  if (!read.success) throw damaged('its list of files cannot be read');
  const entries = new Map<string, Entry>();
  let offset = 0;
  for (const { path, bytes, sha256 } of read.output.files) {
    if (entries.has(path)) throw damaged(`${path} is there twice`);
    entries.set(path, { offset, bytes, sha256 });
    offset += bytes;
  }
  if (end + 1 + offset !== file.size) throw damaged('it is not as long as it should be');
  return { entries, dataStart: end + 1 };
}

const damaged = (what: string): AppError =>
  new AppError('BAD_INPUT', `This is no run that can be read: ${what}.`, {
    fix: 'Choose a .s3run file that was exported here.',
  });
