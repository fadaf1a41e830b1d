/** Runs of one browser, and the one that this worker trains. What the worker of training exposes. */
import type { ImportFile } from '../../protocol/corpus';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { OnProgress } from '../../protocol/retrieval';
import { RagCache } from '../precompute/rag-cache';
import type { CheckpointInfo, RunConfig, RunRecord, StepRecord } from '../records';
import type {
  FilterCounts,
  ListedRun,
  QuestionSet,
  RunEstimate,
  RunEvent,
  RunExport,
  RunExportFormat,
  RunListener,
  StepSummary,
  TrainingApi,
} from '../worker-api';
import { requireRunConfig } from './config-schema';
import { filterQuestions } from './filter';
import { probe } from './probe';
import { readRunArchive, writeRunArchive } from './run-archive';
import type { TrainingServiceParts } from './service-parts';
import type { TrainingSession } from './session';
import { TrainingRun, type TrainingEvent } from './training-run';

interface Current {
  run: string;
  training: TrainingRun;
  /** Settles when the run has ended and let go of its lock. */
  ended: Promise<void>;
}

const lockOf = (run: string): string => `s3:run:${run}`;

export class TrainingService implements TrainingApi {
  readonly #parts: TrainingServiceParts;
  /** With their signals: one that comes from another thread would be collected while nothing but its listener waits for it. */
  readonly #listeners = new Map<string, Map<RunListener, AbortSignal>>();
  #current: Current | undefined;
  /** A probe or a precomputation has the device. */
  #measuring = false;

  constructor(parts: TrainingServiceParts) {
    this.#parts = parts;
    parts.channel.listen((run, event) => void this.#pass(run, event));
  }

  async listRuns(): Promise<ListedRun[]> {
    return Promise.all((await this.#parts.store.list()).map((record) => this.#listed(record)));
  }

  async getRun(run: string): Promise<ListedRun> {
    return this.#listed(await this.#parts.store.get(run));
  }

  async createRun(config: RunConfig): Promise<ListedRun> {
    return this.#listed(await this.#parts.store.create(requireRunConfig(config)));
  }

  async renameRun(run: string, name: string): Promise<ListedRun> {
    const title = name.trim();
    if (title === '') throw new AppError('BAD_INPUT', 'A run needs a name.', { fix: 'Type one.' });
    const { store } = this.#parts;
    const record = await store.update(run, (old) => ({ ...old, config: { ...old.config, name: title } }));
    return this.#listed(record);
  }

  async deleteRun(run: string): Promise<void> {
    await this.#alone(run, () => this.#parts.store.remove(run));
  }

  listQuestionSets(): Promise<QuestionSet[]> {
    return this.#parts.data.sets();
  }

  async importQuestions({ path, file }: ImportFile): Promise<QuestionSet> {
    return this.#parts.data.add(path.split('/').at(-1) ?? path, await file.text());
  }

  deleteQuestionSet(id: string): Promise<void> {
    return this.#parts.data.remove(id);
  }

  async precompute(config: RunConfig, onProgress?: OnProgress, signal?: AbortSignal): Promise<FilterCounts> {
    // Opening a session finds out what is missing.
    const session = await this.#measure(config, onProgress, signal);
    await session.end();
    return this.filterCounts(config);
  }

  useSearchKey(key: string): Promise<void> {
    this.#parts.useSearchKey?.(key);
    return Promise.resolve();
  }

  async filterCounts(config: RunConfig): Promise<FilterCounts> {
    const { data } = this.#parts;
    const questions = await data.questions(config.questions.source);
    return filterQuestions(questions, config, await data.everything()).counts;
  }

  async exportCache(): Promise<Blob> {
    return new Blob([(await this.#parts.data.everything()).toText()], { type: 'application/json' });
  }

  async importCache(file: Blob): Promise<number> {
    let json: unknown;
    try {
      json = JSON.parse(await file.text());
    } catch {
      throw new AppError('BAD_INPUT', 'This file is not JSON.', { fix: 'Choose a rag_cache.json.' });
    }
    const cache = await this.#parts.data.imported();
    const before = cache.size;
    cache.merge(RagCache.parse(json));
    await this.#parts.data.setImported(cache);
    return cache.size - before;
  }

  async estimate(given: RunConfig, onProgress?: OnProgress, signal?: AbortSignal): Promise<RunEstimate> {
    const config = requireRunConfig(given);
    const { session, signal: running, end } = await this.#measure(config, onProgress, signal);
    try {
      const counts = await this.filterCounts(config);
      const { clock } = this.#parts;
      return await probe(session, config, counts, { clock, signal: running, onProgress });
    } finally {
      await end();
    }
  }

  start(run: string): Promise<void> {
    return this.#begin(run, false);
  }

  async pause(run: string): Promise<void> {
    await this.#loaded(run).training.pause();
  }

  async singleStep(run: string): Promise<void> {
    if (this.#current?.run === run) this.#current.training.singleStep();
    else await this.#begin(run, true);
  }

  async resume(run: string): Promise<void> {
    if (this.#current?.run === run) this.#current.training.resume();
    else await this.#begin(run, false);
  }

  async stop(run: string): Promise<void> {
    const { training, ended } = this.#loaded(run);
    training.stop();
    await ended;
  }

  async fork(run: string, step: number, given: RunConfig): Promise<ListedRun> {
    const { store } = this.#parts;
    const config = requireRunConfig(given);
    const parent = { run, step };
    if (step === 0) return this.#listed(await store.create(config, parent));
    const from = await store.load(run, step);
    const record = await store.create(config, parent);
    try {
      if (from) await store.save(record.id, from.content, { score: from.info.score, kept: true });
    } catch (error) {
      await store.remove(record.id);
      throw error;
    }
    return this.getRun(record.id);
  }

  async watch(run: string, listener: RunListener, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const listeners = this.#listeners.get(run) ?? new Map<RunListener, AbortSignal>();
    this.#listeners.set(run, listeners.set(listener, signal));
    const over = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    try {
      listener({ type: 'status', run: await this.getRun(run) });
      await over;
    } finally {
      listeners.delete(listener);
    }
  }

  steps(run: string, from?: number): Promise<StepSummary[]> {
    return this.#parts.store.steps(run, from);
  }

  step(run: string, step: number): Promise<StepRecord> {
    return this.#parts.store.step(run, step);
  }

  saveCheckpoint(run: string): Promise<CheckpointInfo> {
    return this.#loaded(run).training.save();
  }

  async keepCheckpoint(run: string, step: number, kept: boolean): Promise<ListedRun> {
    const work = () => this.#parts.store.keep(run, step, kept);
    return this.#listed(this.#current?.run === run ? await work() : await this.#alone(run, work));
  }

  async deleteCheckpoint(run: string, step: number): Promise<ListedRun> {
    const work = () => this.#parts.store.removeCheckpoint(run, step);
    return this.#listed(this.#current?.run === run ? await work() : await this.#alone(run, work));
  }

  async exportRun(
    run: string,
    format: RunExportFormat,
    step?: number,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<RunExport> {
    const { store, exportModel } = this.#parts;
    const record = await store.get(run);
    if (format === 'run') return writeRunArchive(store, record);
    const loaded = await store.load(run, step);
    if (!loaded) {
      throw new AppError('NOT_FOUND', 'The run has no checkpoint yet.', { fix: 'Train a step first.' });
    }
    return exportModel({ record, content: loaded.content, format }, onProgress, signal);
  }

  async importRun(file: Blob): Promise<ListedRun> {
    return this.#listed(await readRunArchive(this.#parts.store, file));
  }

  async #begin(run: string, once: boolean): Promise<void> {
    this.#expectFree(run);
    const { store, open, clock, now, locks, channel } = this.#parts;
    await store.get(run);
    const emit = (event: TrainingEvent): void => {
      channel.send(run, event);
      void this.#pass(run, event);
    };
    const training = new TrainingRun({ run, store, open, clock, now, emit });
    let began = false;
    let going: () => void = () => undefined;
    const underWay = new Promise<true>((resolve) => (going = () => resolve(true)));
    const held = locks.tryHold(lockOf(run), async () => {
      began = true;
      going();
      await training.train({ once });
    });
    const letGo = async (): Promise<void> => {
      if (this.#current?.training === training) this.#current = undefined;
      // Only now is it nobody's; whoever looks on must hear of it.
      if (began) emit({ type: 'status', run: await store.get(run) });
    };
    const ended = held.then(letGo, letGo).catch(() => undefined);
    this.#current = { run, training, ended };
    if (await Promise.race([underWay, held])) return;
    this.#current = undefined;
    throw busyElsewhere();
  }

  /** A session that is no run's, for as long as it is measured. */
  async #measure(
    config: RunConfig,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ session: TrainingSession; signal: AbortSignal; end: () => Promise<void> }> {
    this.#expectFree();
    this.#measuring = true;
    const running = signal ?? new AbortController().signal;
    try {
      const session = await this.#parts.open(config, {
        signal: running,
        onLoading: (label, done, total) => onProgress?.({ label, done, total, unit: 'files' }),
      });
      const end = async (): Promise<void> => {
        this.#measuring = false;
        await session.dispose();
      };
      return { session, signal: running, end };
    } catch (error) {
      this.#measuring = false;
      throw error;
    }
  }

  #expectFree(run?: string): void {
    if (!this.#current && !this.#measuring) return;
    const same = this.#current?.run === run;
    throw new AppError(
      'BUSY',
      this.#measuring ? 'Something is being measured.' : `${same ? 'This' : 'Another'} run is loaded.`,
      { fix: this.#measuring ? 'Wait until it is done, or stop it.' : 'Stop it first.', recoverable: true },
    );
  }

  #loaded(run: string): Current {
    if (this.#current?.run === run) return this.#current;
    throw new AppError('BAD_INPUT', 'The run is not loaded in this tab.', { fix: 'Start it first.' });
  }

  /** Work on a run that nobody trains meanwhile. @throws AppError BUSY */
  async #alone<T>(run: string, work: () => Promise<T>): Promise<T> {
    if (this.#current?.run === run) this.#expectFree(run);
    const done: T[] = [];
    const free = await this.#parts.locks.tryHold(lockOf(run), async () => {
      done.push(await work());
    });
    const [result] = done;
    if (!free || done.length === 0) throw busyElsewhere();
    return result as T;
  }

  async #pass(run: string, event: TrainingEvent): Promise<void> {
    const listeners = this.#listeners.get(run);
    if (!listeners || listeners.size === 0) return;
    const told: RunEvent =
      event.type === 'status' ? { type: 'status', run: await this.#listed(event.run) } : event;
    for (const listener of listeners.keys()) listener(told);
  }

  async #listed(record: RunRecord): Promise<ListedRun> {
    const { id, status, checkpoints } = record;
    const here = this.#current?.run === id;
    const owner = here ? 'here' : (await this.#parts.locks.isHeld(lockOf(id))) ? 'elsewhere' : 'none';
    const active = status === 'running' || status === 'paused';
    return {
      ...record,
      bytes: checkpoints.reduce((sum, { bytes }) => sum + bytes, 0),
      owner,
      interrupted: active && owner === 'none',
    };
  }
}

const busyElsewhere = (): AppError =>
  new AppError('BUSY', 'Another tab has this run.', {
    fix: 'Stop it there, or close that tab.',
    recoverable: true,
  });
