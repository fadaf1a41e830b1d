/**
 * Runs in a folder, one folder each: `run.json`, `metrics.jsonl` (a line per step, only ever appended to, the last one of a step
 * counts), `rollouts/000001.json`, and the checkpoints.
 */
import { createHash, randomUUID } from 'node:crypto';
import { appendFile, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunRecord, StepRecord } from '../src/train/records';
import type { RunFiles, RunRecords, RunStoreParts } from '../src/train/runs/run-parts';
import type { StepSummary } from '../src/train/worker-api';
import { AppError } from '../src/protocol/errors';
import { isNoFolder, orNothing, writeError, writeWhole } from './durable-file';

const RECORD = 'run.json';
const METRICS = 'metrics.jsonl';
const ROLLOUTS = 'rollouts';

const FULL = 'Free some space and go on with `s3 train resume`; the checkpoint before is whole.';

export class FolderFiles implements RunFiles {
  constructor(private readonly folder: string) {}

  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return writeWhole(join(this.folder, path), bytes, FULL);
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = await readFile(join(this.folder, path)).catch(orNothing);
    return bytes && Uint8Array.from(bytes);
  }

  async list(folder: string): Promise<string[]> {
    return (await readdir(join(this.folder, folder)).catch(orNothing)) ?? [];
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.folder, path), { force: true, recursive: true });
  }
}

export class FolderRecords implements RunRecords {
  constructor(private readonly folder: string) {}

  async list(): Promise<RunRecord[]> {
    const names = (await readdir(this.folder).catch(orNothing)) ?? [];
    const records = await Promise.all(names.map((name) => this.get(name).catch(() => undefined)));
    return records.filter((record) => record !== undefined);
  }

  async get(run: string): Promise<RunRecord | undefined> {
    const path = join(this.folder, run, RECORD);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (isNoFolder(error)) return null;
      return orNothing(error);
    });
    if (text === null) return undefined;
    try {
      const record = JSON.parse(text) as RunRecord;
      // A run that was copied or renamed goes by the name that it has now.
      return { ...record, id: run };
    } catch (cause) {
      throw new AppError('INTEGRITY', `${path} is damaged.`, {
        fix: 'Restore it from a copy of the run.',
        cause,
      });
    }
  }

  put(record: RunRecord): Promise<void> {
    return writeWhole(join(this.folder, record.id, RECORD), `${JSON.stringify(record, null, 2)}\n`, FULL);
  }

  async remove(run: string): Promise<void> {
    await rm(join(this.folder, run), { recursive: true, force: true });
  }

  async putStep(run: string, { rollouts, ...summary }: StepRecord): Promise<void> {
    const { step } = summary;
    await writeWhole(this.#rollouts(run, step), JSON.stringify(rollouts), FULL);
    const path = join(this.folder, run, METRICS);
    await appendFile(path, `${JSON.stringify(summary)}\n`).catch((error: unknown) => {
      throw writeError(path, error, FULL);
    });
  }

  async steps(run: string, from: number): Promise<StepSummary[]> {
    const text = await readFile(join(this.folder, run, METRICS), 'utf8').catch(orNothing);
    const steps = new Map<number, StepSummary>();
    for (const line of text?.split('\n') ?? []) {
      const summary = parseLine(line);
      if (summary && summary.step >= from) steps.set(summary.step, summary);
    }
    return [...steps.values()].sort((a, b) => a.step - b.step);
  }

  async step(run: string, step: number): Promise<StepRecord | undefined> {
    const summary = (await this.steps(run, step)).find((s) => s.step === step);
    const rollouts = await readFile(this.#rollouts(run, step), 'utf8').catch(orNothing);
    if (!summary || rollouts === null) return undefined;
    return { ...summary, rollouts: JSON.parse(rollouts) as StepRecord['rollouts'] };
  }

  async dropSteps(run: string, after: number): Promise<void> {
    const steps = await this.steps(run, 1);
    if ((steps.at(-1)?.step ?? 0) <= after) return;
    const kept = steps.filter(({ step }) => step <= after);
    const text = kept.map((step) => `${JSON.stringify(step)}\n`).join('');
    await writeWhole(join(this.folder, run, METRICS), text, FULL);
    for (const { step } of steps.slice(kept.length)) await rm(this.#rollouts(run, step), { force: true });
  }

  #rollouts(run: string, step: number): string {
    return join(this.folder, run, ROLLOUTS, `${String(step).padStart(6, '0')}.json`);
  }
}

/** A crash can cut the last line short. */
function parseLine(line: string): StepSummary | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as StepSummary);
  } catch {
    return undefined;
  }
}

/** For a `RunStore` over a folder of runs. */
export function folderRunParts(folder: string): RunStoreParts {
  return {
    records: new FolderRecords(folder),
    files: new FolderFiles(folder),
    folder: (run) => `${run}/checkpoints`,
    now: () => new Date().toISOString(),
    newId: () => randomUUID(),
    sha256: (bytes) => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
  };
}
