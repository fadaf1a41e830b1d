/**
 * Runs that survive being killed at any instant. A checkpoint's payload is written first, under a name that its content gives it, and
 * the run's record, which points to it, last; the generation before stays until the record has let go of it.
 */
import { AppError } from '../../protocol/errors';
import type { CheckpointInfo, RunConfig, RunRecord, StepRecord } from '../records';
import type { StepSummary } from '../worker-api';
import { readCheckpoint, writeCheckpoint, type CheckpointContent } from './checkpoint-file';
import type { RunStoreParts } from './run-parts';

/** Checkpoints that nobody asked to keep: the newest, and the one before. */
const GENERATIONS = 2;

export interface LoadedCheckpoint {
  info: CheckpointInfo;
  content: CheckpointContent;
  /** Newer ones that could not be read, and are forgotten. */
  damaged: CheckpointInfo[];
}

const fileOf = ({ step, sha256 }: Pick<CheckpointInfo, 'step' | 'sha256'>): string =>
  `${String(step).padStart(6, '0')}-${sha256.slice(0, 16)}.safetensors`;

export class RunStore {
  readonly #parts: RunStoreParts;
  /** Changes of records come one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: RunStoreParts) {
    this.#parts = parts;
  }

  /** Hexadecimal. */
  sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    return this.#parts.sha256(bytes);
  }

  /** The wanted id, or a new one where it is taken. */
  async freeId(wanted: string): Promise<string> {
    return (await this.#parts.records.get(wanted)) ? this.#parts.newId() : wanted;
  }

  /** Newest first. */
  async list(): Promise<RunRecord[]> {
    const records = await this.#parts.records.list();
    return records.sort((a, b) => b.createdAt.localeCompare(a.createdAt) || a.id.localeCompare(b.id));
  }

  /** @throws AppError NOT_FOUND */
  async get(run: string): Promise<RunRecord> {
    const record = await this.#parts.records.get(run);
    if (record) return record;
    throw new AppError('NOT_FOUND', 'There is no such run on this device.', {
      fix: 'Choose another one; it was deleted, or the browser removed it.',
      context: { run },
    });
  }

  async create(
    config: RunConfig,
    parent?: RunRecord['parent'],
    id = this.#parts.newId(),
  ): Promise<RunRecord> {
    const record: RunRecord = {
      ...{ id, config, createdAt: this.#parts.now(), status: 'ready', step: 0, cursor: 0 },
      ...(parent && { parent }),
      checkpoints: [],
    };
    await this.#parts.records.put(record);
    return record;
  }

  /** A record that comes from elsewhere, with nothing behind it yet. */
  put(record: RunRecord): Promise<void> {
    return this.#parts.records.put(record);
  }

  update(run: string, change: (record: RunRecord) => RunRecord): Promise<RunRecord> {
    return this.#inTurn(async () => {
      const record = change(await this.get(run));
      await this.#parts.records.put(record);
      return record;
    });
  }

  async remove(run: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.#parts.records.remove(run);
      await this.#parts.files.remove(this.#parts.folder(run));
    });
  }

  /** The step's record, then the run's. */
  async putStep(run: string, step: StepRecord, cursor: number): Promise<RunRecord> {
    await this.#parts.records.putStep(run, step);
    return this.update(run, (record) => ({ ...record, step: step.step, cursor }));
  }

  steps(run: string, from = 1): Promise<StepSummary[]> {
    return this.#parts.records.steps(run, from);
  }

  /** @throws AppError NOT_FOUND */
  async step(run: string, step: number): Promise<StepRecord> {
    const record = await this.#parts.records.step(run, step);
    if (record) return record;
    throw new AppError('NOT_FOUND', `The run has no step ${step}.`, { fix: 'Choose another one.' });
  }

  /**
   * Saves a checkpoint; resolves when it is what the run goes on from. Where it fails, the run goes on from the one before.
   * @throws AppError STORAGE_FULL
   */
  save(
    run: string,
    content: CheckpointContent,
    { score, kept = false }: { score?: number | undefined; kept?: boolean } = {},
  ): Promise<CheckpointInfo> {
    return this.#inTurn(async () => {
      const { records, files, folder } = this.#parts;
      const bytes = writeCheckpoint(content);
      const sha256 = await this.#parts.sha256(bytes);
      const record = await this.get(run);
      const known = record.checkpoints.find((c) => c.sha256 === sha256 && c.step === content.step);
      const info: CheckpointInfo = {
        ...{ step: content.step, at: this.#parts.now(), bytes: bytes.byteLength, sha256 },
        ...(score !== undefined && { score }),
        kept: kept || (known?.kept ?? false),
      };
      // What the record points to is never written over: a crash would tear it.
      if (!known) await this.#writePayload(`${folder(run)}/${fileOf(info)}`, bytes);
      const others = record.checkpoints.filter((c) => c.step !== info.step);
      const all = [...others, info].sort((a, b) => a.step - b.step);
      const transient = all.filter((c) => !c.kept);
      const dropped = new Set(transient.slice(0, Math.max(0, transient.length - GENERATIONS)));
      const checkpoints = all.filter((c) => !dropped.has(c));
      await records.put({ ...record, step: content.step, cursor: content.cursor, checkpoints });
      const left = new Set(checkpoints.map(fileOf));
      for (const old of record.checkpoints) {
        if (!left.has(fileOf(old))) await files.remove(`${folder(run)}/${fileOf(old)}`);
      }
      return info;
    });
  }

  async #writePayload(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#parts.files.write(path, bytes);
    } catch (error) {
      await this.#parts.files.remove(path).catch(() => undefined); // The first error is the one to tell.
      throw error;
    }
  }

  /**
   * The checkpoint of a step, or the newest that is whole; undefined where there is none. Newer ones that are damaged are dropped from
   * the record.
   * @throws AppError NOT_FOUND, INTEGRITY where the step's own, or every one, is damaged
   */
  async load(run: string, step?: number): Promise<LoadedCheckpoint | undefined> {
    const { checkpoints } = await this.get(run);
    if (step !== undefined) {
      const info = checkpoints.find((c) => c.step === step);
      if (!info) {
        throw new AppError('NOT_FOUND', `The run has no checkpoint of step ${step}.`, {
          fix: 'Choose another one.',
        });
      }
      return { info, content: await this.#read(run, info), damaged: [] };
    }
    const damaged: CheckpointInfo[] = [];
    let reason: AppError | undefined;
    for (const info of [...checkpoints].sort((a, b) => b.step - a.step)) {
      try {
        const content = await this.#read(run, info);
        if (damaged.length > 0) await this.#forget(run, damaged);
        return { info, content, damaged };
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'INTEGRITY') throw error;
        damaged.push(info);
        reason = error;
      }
    }
    if (reason) throw reason;
    return undefined;
  }

  /** The payload's bytes, checked against the record. @throws AppError NOT_FOUND, INTEGRITY */
  async payload(run: string, step: number): Promise<Uint8Array<ArrayBuffer>> {
    const info = (await this.get(run)).checkpoints.find((c) => c.step === step);
    if (info) return this.#bytes(run, info);
    throw new AppError('NOT_FOUND', `The run has no checkpoint of step ${step}.`, { fix: 'Choose another.' });
  }

  async #bytes(run: string, info: CheckpointInfo): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#parts.files.read(`${this.#parts.folder(run)}/${fileOf(info)}`);
    if (bytes && (await this.#parts.sha256(bytes)) === info.sha256) return bytes;
    throw new AppError(
      'INTEGRITY',
      `The checkpoint of step ${info.step} is ${bytes ? 'damaged' : 'missing'}.`,
      { fix: 'Go on from another checkpoint. The browser may have removed files to make room.' },
    );
  }

  async #read(run: string, info: CheckpointInfo): Promise<CheckpointContent> {
    return readCheckpoint(await this.#bytes(run, info), `The checkpoint of step ${info.step}`);
  }

  async #forget(run: string, gone: readonly CheckpointInfo[]): Promise<void> {
    const hashes = new Set(gone.map((c) => c.sha256));
    await this.update(run, (record) => ({
      ...record,
      checkpoints: record.checkpoints.filter((c) => !hashes.has(c.sha256)),
    }));
    const { files, folder } = this.#parts;
    for (const info of gone) await files.remove(`${folder(run)}/${fileOf(info)}`);
  }

  /** Takes the run back to a step: what came later is forgotten, and comes again. */
  async rewind(run: string, step: number, cursor: number): Promise<RunRecord> {
    await this.#parts.records.dropSteps(run, step);
    const { checkpoints } = await this.get(run);
    await this.#forget(
      run,
      checkpoints.filter((c) => c.step > step),
    );
    return this.update(run, (record) => ({ ...record, step, cursor }));
  }

  async keep(run: string, step: number, kept: boolean): Promise<RunRecord> {
    return this.update(run, (record) => ({
      ...record,
      checkpoints: record.checkpoints.map((c) => (c.step === step ? { ...c, kept } : c)),
    }));
  }

  /** @throws AppError BAD_INPUT for the newest: the run goes on from it */
  async removeCheckpoint(run: string, step: number): Promise<RunRecord> {
    const { checkpoints } = await this.get(run);
    const info = checkpoints.find((c) => c.step === step);
    if (!info) return this.get(run);
    if (step === Math.max(...checkpoints.map((c) => c.step))) {
      throw new AppError('BAD_INPUT', 'The run goes on from this checkpoint, so it cannot be deleted.', {
        fix: 'Save a newer one first, or delete the whole run.',
      });
    }
    await this.#forget(run, [info]);
    return this.get(run);
  }

  /** Removes payloads that an interrupted save left behind; returns how many. */
  async sweep(run: string): Promise<number> {
    const { files, folder } = this.#parts;
    const known = new Set((await this.get(run)).checkpoints.map(fileOf));
    const orphans = (await files.list(folder(run))).filter((name) => !known.has(name));
    for (const name of orphans) await files.remove(`${folder(run)}/${name}`);
    return orphans.length;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(work);
    this.#queue = mine.catch(() => undefined); // The caller hears of it; whoever waits need not.
    return mine;
  }
}
