/** What an import has finished, beside its files, so that the next attempt can go on. Removed when the model is complete. */
import * as v from 'valibot';
import type { FileSink } from '../../protocol/model-import';
import type { PackFile } from '../formats/pack-manifest';
import type { Sha256 } from '../formats/pack-checkpoint';
import type { ImportPlan } from './import-plan';

export const JOURNAL_FILE = 'import.json';

const count = v.pipe(v.number(), v.finite(), v.minValue(0));
const JournalSchema = v.object({
  /** Of the plan: what was finished under another plan is of no use. */
  key: v.string(),
  files: v.array(v.object({ path: v.string(), bytes: count, sha256: v.string() })),
  error: v.object({ difference: count, reference: count }),
});
export type Journal = v.InferOutput<typeof JournalSchema>;

export const shardPath = (index: number): string => `weights-${String(index + 1).padStart(5, '0')}.bin`;

export const isShard = (path: string): boolean => /^weights-\d{5,}\.bin$/.test(path);

/** The same for the same source, in the same version, into the same layout. */
export async function planKey(
  { model, tensors, shards, weights }: ImportPlan,
  sha256: Sha256,
): Promise<string> {
  const facts = {
    version: 1,
    origin: model.origin,
    files: model.weightFiles.map(({ name, size, version }) => [name, size, version ?? null]),
    config: model.config,
    weights: weights ?? null,
    tensors: tensors.map(({ name, type, shape, stored }) => [name, type, shape, stored.format]),
    shards: shards.map(({ bytes, pieces }) => [bytes, pieces.map(({ offset, rows }) => [offset, rows])]),
  };
  return sha256(new TextEncoder().encode(JSON.stringify(facts)));
}

/**
 * The journal of an earlier attempt under the same plan, less the files that are not (or not soundly) there. Where there is none that
 * fits, the shards of another import are removed.
 */
export async function resumeJournal(
  sink: FileSink,
  key: string,
  sha256: Sha256,
  onChecked: (file: PackFile) => void,
  signal: AbortSignal | undefined,
): Promise<Journal> {
  const found = await readJournal(sink, signal);
  const journal: Journal = { key, files: [], error: { difference: 0, reference: 0 } };
  if (found?.key !== key) {
    // Of this importer's own files alone: the folder may hold others.
    const old = new Set(found?.files.map(({ path }) => path));
    for (const { path } of await sink.list()) if (old.has(path) || isShard(path)) await sink.remove(path);
    return journal;
  }
  for (const file of found.files) {
    const bytes = await sink.read(file.path, signal);
    if (bytes?.length !== file.bytes || (await sha256(bytes)) !== file.sha256) continue;
    journal.files.push(file);
    onChecked(file);
  }
  journal.error = found.error;
  return journal;
}

async function readJournal(sink: FileSink, signal: AbortSignal | undefined): Promise<Journal | undefined> {
  const bytes = await sink.read(JOURNAL_FILE, signal);
  if (!bytes) return undefined;
  try {
    return v.parse(JournalSchema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined; // Torn by a crash while it was written: there is nothing to go on from.
  }
}

export async function writeJournal(
  sink: FileSink,
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<void> {
  await sink.write(JOURNAL_FILE, new TextEncoder().encode(JSON.stringify(journal)), signal);
}
