/**
 * One run under way: questions by the cursor, their rollouts, a step of the trainer, the record, now and then a checkpoint. All that
 * the next step depends on lies in the last checkpoint and the configuration, so that a run that was killed takes the same course.
 */
import type { Clock } from '../../protocol/clock';
import { AppError, isAbort, toEnvelope, type ErrorEnvelope } from '../../protocol/errors';
import type { CheckpointInfo, RunRecord, RunStatus, StepRecord, TrainingProgress } from '../records';
import { brokenTensor } from './checkpoint-file';
import { PauseGate } from './pause-gate';
import { questionsAt, stepsOf } from './question-order';
import type { RunStore } from './run-store';
import type { OpenSession, TrainingSession } from './session';
import { brokenMetric } from './step-record';
import { runStep } from './step';

export type TrainingEvent =
  | { type: 'status'; run: RunRecord }
  | { type: 'progress'; progress: TrainingProgress }
  | { type: 'loading'; label: string; done: number; total: number }
  | { type: 'step'; step: StepRecord }
  | { type: 'notice'; message: string };

export interface TrainingRunParts {
  run: string;
  store: RunStore;
  open: OpenSession;
  clock: Clock;
  /** ISO 8601. */
  now: () => string;
  emit: (event: TrainingEvent) => void;
  /** Of JavaScript, where it can be told. */
  heapBytes?: () => number | undefined;
}

/** Waits before the device is opened again after it was lost, in milliseconds. */
const RETRY_MS = [1000, 2000, 4000];

export class TrainingRun {
  readonly #parts: TrainingRunParts;
  readonly #gate: PauseGate;
  readonly #end = new AbortController();
  #session: TrainingSession | undefined;
  #once = false;
  /** The trainer is at work: its state cannot be read. */
  #updating = false;
  #saves: { resolve: (info: CheckpointInfo) => void; reject: (error: unknown) => void }[] = [];
  /** Step of the newest checkpoint. */
  #saved = -1;
  #record: RunRecord | undefined;

  constructor(parts: TrainingRunParts) {
    this.#parts = parts;
    this.#gate = new PauseGate(() => this.#tell('paused'));
  }

  /**
   * Trains from the last checkpoint until the run is finished, stopped or failed, which the record then says. With `once`, it
   * pauses after every step. Never rejects for what ends a run; it does where not even the record can be written.
   */
  async train({ once = false } = {}): Promise<RunRecord> {
    this.#once = once;
    let record: RunRecord;
    try {
      await this.#loop();
      record = await this.#status('finished');
    } catch (error) {
      if (isAbort(error) && this.#end.signal.aborted) record = await this.#stopped();
      else record = await this.#status('failed', toEnvelope(error));
    } finally {
      this.#gate.release();
      const over = new AppError('ABORTED', 'The run has ended.', { recoverable: true });
      for (const { reject } of this.#saves.splice(0)) reject(over);
      await this.#session?.dispose();
      this.#session = undefined;
    }
    return record;
  }

  /** Resolves when the run stands still: within an episode before its next search, or after the trainer's update. */
  pause(): Promise<void> {
    return this.#gate.close();
  }

  resume(): void {
    this.#once = false;
    if (!this.#gate.isClosed) return;
    this.#gate.open();
    this.#tell('running');
  }

  /** Goes on to the end of a step. */
  singleStep(): void {
    this.#once = true;
    if (!this.#gate.isClosed) return;
    this.#gate.open();
    this.#tell('running');
  }

  /** Ends with a checkpoint of the last whole step. */
  stop(): void {
    this.#end.abort();
  }

  /** Ends without one; the run goes on from its last checkpoint. */
  abort(): void {
    this.#saved = Infinity;
    this.#end.abort();
  }

  /** Resolves when it is on the disk: at once between two updates, else after the update. */
  save(): Promise<CheckpointInfo> {
    const saved = new Promise<CheckpointInfo>((resolve, reject) => this.#saves.push({ resolve, reject }));
    if (this.#session && !this.#updating) void this.#checkpoint().catch(() => undefined); // `saved` tells it.
    return saved;
  }

  async #loop(): Promise<void> {
    let losses = 0;
    for (;;) {
      try {
        await this.#begin();
        await this.#steps(() => (losses = 0));
        return;
      } catch (error) {
        const wait = RETRY_MS[losses];
        if (toEnvelope(error).code !== 'DEVICE_LOST' || wait === undefined) throw error;
        losses += 1;
        await this.#session?.dispose();
        this.#session = undefined;
        this.#notice(
          'The graphics device was lost. It is opened again, and the run goes on from its last checkpoint.',
        );
        await this.#parts.clock.sleep(wait, this.#end.signal);
      }
    }
  }

  async #begin(): Promise<void> {
    const { store, run, emit, open } = this.#parts;
    const { config } = await store.get(run);
    await this.#status('running');
    const session = await open(config, {
      signal: this.#end.signal,
      onLoading: (label, done, total) => emit({ type: 'loading', label, done, total }),
    });
    this.#session = session;
    if (session.questions.length === 0) {
      throw new AppError('BAD_INPUT', 'There is no question left to learn from.', {
        fix: 'Take other questions, or train without the filter.',
      });
    }
    const loaded = await store.load(run);
    for (const { step } of loaded?.damaged ?? []) {
      this.#notice(`The checkpoint of step ${step} is damaged; the run goes on from the one before.`);
    }
    if (loaded) await session.trainer.restore(loaded.content.state);
    const { step, cursor } = loaded?.content ?? { step: 0, cursor: 0 };
    this.#saved = loaded ? step : -1;
    this.#record = await store.rewind(run, step, cursor);
    await store.sweep(run);
    await session.trainer.publish();
  }

  #total(): number {
    const [session, record] = [this.#session, this.#record];
    return session && record ? stepsOf(record.config.ppo, session.questions.length) : 0;
  }

  async #steps(onStep: () => void): Promise<void> {
    for (let record = this.#record!; record.step < this.#total();) {
      await this.#gate.pass(this.#end.signal);
      record = await this.#step(record);
      this.#record = record;
      onStep();
      if (this.#once && record.step < this.#total()) void this.#gate.close();
    }
    await this.#saveUnsaved();
  }

  async #step(record: RunRecord): Promise<RunRecord> {
    const { store, run, clock, emit, now, heapBytes } = this.#parts;
    const session = this.#session!;
    const { ppo } = record.config;
    const number = record.step + 1;
    const questions = questionsAt(session.questions, ppo.seed, record.cursor, ppo.batch.prompts);
    const outcome = await runStep(session, questions, {
      ...{ step: number, clock, signal: this.#end.signal },
      pass: () => this.#gate.pass(this.#end.signal),
      onProgress: (progress) => emit({ type: 'progress', progress }),
      onUpdate: (isUnderWay) => (this.#updating = isUnderWay),
    });
    const heap = heapBytes?.();
    if (heap !== undefined) outcome.metrics.heapBytes = heap;
    await this.#refuseBroken(session, brokenMetric(outcome.metrics));
    const step: StepRecord = { step: number, at: now(), ...outcome };
    const next = await store.putStep(run, step, record.cursor + questions.length);
    this.#record = next;
    const { saveEvery, saveAt } = ppo.run;
    const named = saveAt.includes(number);
    if (named || number % saveEvery === 0 || this.#saves.length > 0) {
      const from = clock.now();
      await this.#checkpoint({ score: step.metrics.score, kept: named });
      step.metrics.checkpointSeconds = (clock.now() - from) / 1000;
      await store.putStep(run, step, next.cursor);
    }
    emit({ type: 'step', step });
    const saved = await store.get(run);
    emit({ type: 'status', run: saved });
    return saved;
  }

  /** What is no number must not reach a checkpoint. @throws AppError INTERNAL naming the tensor */
  async #refuseBroken(session: TrainingSession, metric: string | undefined): Promise<void> {
    if (metric === undefined) return;
    const tensor = brokenTensor(await session.trainer.read());
    throw this.#broken(tensor ?? metric);
  }

  #broken(what: string): AppError {
    return new AppError('INTERNAL', `Training broke down: ${what} holds values that are not numbers.`, {
      fix: 'The last checkpoint is sound. Fork the run there with a lower learning rate.',
      context: { tensor: what },
    });
  }

  /** Called between two updates only. */
  async #checkpoint({ score, kept }: { score?: number | undefined; kept?: boolean } = {}): Promise<void> {
    const waiting = this.#saves.splice(0);
    const { store, run, emit } = this.#parts;
    const { step, cursor } = this.#record!;
    emit({ type: 'progress', progress: { step, phase: 'checkpoint', done: 0, total: 1 } });
    try {
      const state = await this.#session!.trainer.read();
      const broken = brokenTensor(state);
      if (broken !== undefined) throw this.#broken(broken);
      const info = await store.save(run, { step, cursor, state }, { score, kept: kept ?? false });
      this.#saved = step;
      for (const { resolve } of waiting) resolve(info);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      throw error;
    }
  }

  async #saveUnsaved(): Promise<void> {
    const record = this.#record;
    if (!this.#session || !record || record.step <= this.#saved) return;
    const last = await this.#parts.store.steps(this.#parts.run, record.step);
    await this.#checkpoint({ score: last[0]?.metrics.score });
  }

  async #stopped(): Promise<RunRecord> {
    try {
      await this.#saveUnsaved();
      return await this.#status('stopped');
    } catch (error) {
      return this.#status('failed', toEnvelope(error));
    }
  }

  /** Where the record cannot be written, the run itself will meet the same error. */
  #tell(status: RunStatus): void {
    this.#status(status).catch((error: unknown) => this.#notice(toEnvelope(error).message));
  }

  #notice(message: string): void {
    this.#parts.emit({ type: 'notice', message });
  }

  async #status(status: RunStatus, error?: ErrorEnvelope): Promise<RunRecord> {
    const { store, run, emit } = this.#parts;
    const record = await store.update(run, ({ error: _before, ...rest }) => ({
      ...rest,
      status,
      ...(error && { error }),
    }));
    emit({ type: 'status', run: record });
    return record;
  }
}
