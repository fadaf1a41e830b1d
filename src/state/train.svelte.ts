/** The Train page's state: the runs of this device, the one that is looked at, and the one that is being written down. */
import { createContext } from 'svelte';
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { OnProgress } from '../protocol/retrieval';
import type { RunConfig } from '../train/records';
import type { ListedRun, QuestionSet, RunExport, RunExportFormat, StepSummary } from '../train/worker-api';
import type { Laboratory } from './laboratory';
import { Meter, type Measured } from './meter';
import { Running } from './running';
import { TrainDraft } from './train-draft.svelte';
import { RunView } from './train-run.svelte';
import { useCheckpoint } from './train-use';

export type RunAction = 'start' | 'pause' | 'resume' | 'step' | 'stop' | 'save' | 'delete' | 'import';

export interface ExportJob {
  run: string;
  step: number;
  format: RunExportFormat | 'use';
  measured: Measured | null;
}

export class Training {
  runs = $state.raw<readonly ListedRun[]>([]);
  sets = $state.raw<readonly QuestionSet[]>([]);
  /** The list has been read once. */
  loaded = $state(false);
  listError = $state.raw<ErrorEnvelope | null>(null);
  /** What a button did not do. */
  error = $state.raw<ErrorEnvelope | null>(null);
  /** The run that is looked at; null: the one that is being written down. */
  view = $state.raw<RunView | null>(null);
  acting = $state<RunAction | null>(null);
  exporting = $state.raw<ExportJob | null>(null);
  /** Runs drawn beside the one that is looked at. */
  beside = $state.raw<readonly { id: string; steps: readonly StepSummary[] }[]>([]);
  /** The demo comes with a recorded run that is not in the list yet. */
  demo = $state(false);
  /** NCBI's, in memory alone. */
  searchKey = $state('');
  readonly draft: TrainDraft;
  #laboratory: Laboratory;
  #now: () => number;
  #running = new Running();
  #begun: Promise<void> | null = null;

  /** `now` in milliseconds since 1970. */
  constructor(laboratory: Laboratory, now: () => number = Date.now) {
    this.#laboratory = laboratory;
    this.#now = now;
    this.draft = new TrainDraft(laboratory.training);
  }

  readonly run = $derived<ListedRun | null>(
    this.view ? (this.runs.find(({ id }) => id === this.view?.id) ?? null) : null,
  );
  /** A run that this tab has loaded: only one can be. */
  readonly active = $derived(this.runs.find(({ owner }) => owner === 'here') ?? null);

  runOf(id: string): ListedRun | undefined {
    return this.runs.find((run) => run.id === id);
  }

  /** Reads what there is, once; chooses the run that is under way, else the newest. */
  begin(): Promise<void> {
    return (this.#begun ??= (async () => {
      await this.refresh();
      this.demo = await this.#laboratory.hasDemoRun().catch(() => false);
      if (this.view) return;
      const first = this.active ?? this.runs.find(({ interrupted }) => interrupted) ?? this.runs[0];
      if (first) this.choose(first.id);
    })());
  }

  async refresh(): Promise<void> {
    const { training } = this.#laboratory;
    try {
      [this.runs, this.sets] = await Promise.all([training.listRuns(), training.listQuestionSets()]);
      this.listError = null;
      this.loaded = true;
      if (this.view && !this.runOf(this.view.id)) this.choose(null);
    } catch (error) {
      this.listError = toEnvelope(error);
    }
  }

  /** Shows a run, or with null the recipe of a new one. */
  choose(id: string | null): void {
    if (this.view?.id === id) return;
    this.view?.close();
    this.error = null;
    this.beside = this.beside.filter((other) => other.id !== id);
    this.view =
      id === null ? null : new RunView(this.#laboratory.training, id, (run) => this.#know(run), this.#now);
    void this.view?.open();
  }

  #know(run: ListedRun): void {
    const known = this.runs.some(({ id }) => id === run.id);
    this.runs = known ? this.runs.map((other) => (other.id === run.id ? run : other)) : [run, ...this.runs];
    void this.#laboratory.keepAwake(this.runs.some((r) => r.owner === 'here' && r.status === 'running'));
  }

  /** Begins the run that was written down. */
  async startDraft(andStep = false): Promise<void> {
    await this.#act('start', async () => {
      const { training } = this.#laboratory;
      const config = this.draft.requireSound();
      const { from } = this.draft;
      const run = from ? await training.fork(from.run, from.step, config) : await training.createRun(config);
      this.#know(run);
      this.choose(run.id);
      await (andStep ? training.singleStep(run.id) : training.start(run.id));
    });
  }

  act(action: Exclude<RunAction, 'delete' | 'import'>): Promise<void> {
    const id = this.view?.id;
    if (id === undefined) return this.startDraft(action === 'step');
    const { training } = this.#laboratory;
    return this.#act(action, async () => {
      if (action === 'start') await training.start(id);
      else if (action === 'pause') await training.pause(id);
      else if (action === 'resume') await training.resume(id);
      else if (action === 'step') await training.singleStep(id);
      else if (action === 'stop') await training.stop(id);
      else await training.saveCheckpoint(id);
      this.#know(await training.getRun(id));
    });
  }

  async setSearchKey(key: string): Promise<void> {
    this.searchKey = key;
    await this.#guarded(() => this.#laboratory.training.useSearchKey(key.trim()));
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#guarded(async () => this.#know(await this.#laboratory.training.renameRun(id, name)));
  }

  async remove(id: string): Promise<void> {
    await this.#act('delete', async () => {
      await this.#laboratory.training.deleteRun(id);
      this.beside = this.beside.filter((other) => other.id !== id);
      this.runs = this.runs.filter((run) => run.id !== id);
      if (this.view?.id === id) this.choose(this.runs[0]?.id ?? null);
    });
  }

  async keepCheckpoint(id: string, step: number, kept: boolean): Promise<void> {
    await this.#guarded(async () =>
      this.#know(await this.#laboratory.training.keepCheckpoint(id, step, kept)),
    );
  }

  async deleteCheckpoint(id: string, step: number): Promise<void> {
    await this.#guarded(async () => this.#know(await this.#laboratory.training.deleteCheckpoint(id, step)));
  }

  /** Writes down a new run that goes on from a checkpoint of this one; `name` is what it will be called. */
  fork(run: { id: string; config: RunConfig }, step: number, name: string): void {
    this.draft.fork(run, step, name);
    this.choose(null);
  }

  /** Draws another run's curves beside, or no longer. */
  async toggleBeside(id: string): Promise<void> {
    if (this.beside.some((other) => other.id === id)) {
      this.beside = this.beside.filter((other) => other.id !== id);
      return;
    }
    await this.#guarded(async () => {
      const steps = await this.#laboratory.training.steps(id);
      if (!this.beside.some((other) => other.id === id)) this.beside = [...this.beside, { id, steps }];
    });
  }

  /** Null where it was stopped or went wrong. */
  export(id: string, format: RunExportFormat, step: number): Promise<RunExport | null> {
    return this.#taken(id, step, format, (onProgress, signal) =>
      this.#laboratory.training.exportRun(id, format, step, onProgress, signal),
    );
  }

  /** Makes a checkpoint a model of this device; returns its id, or null where it was stopped or went wrong. */
  use(run: ListedRun, step: number): Promise<string | null> {
    return this.#taken(run.id, step, 'use', (onProgress, signal) =>
      useCheckpoint(this.#laboratory, run, step, onProgress, signal),
    );
  }

  /** Takes a checkpoint out of its run, measured, one at a time. */
  async #taken<Result>(
    run: string,
    step: number,
    format: RunExportFormat | 'use',
    work: (onProgress: OnProgress, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result | null> {
    const meter = new Meter();
    return this.#running.run('export', async (signal) => {
      this.exporting = { run, step, format, measured: null };
      this.error = null;
      try {
        return await work((progress) => {
          const measured = meter.measure(progress, performance.now());
          if (this.exporting) this.exporting = { ...this.exporting, measured };
        }, signal);
      } catch (error) {
        if (!isAbort(error)) this.error = toEnvelope(error);
        return null;
      } finally {
        this.exporting = null;
      }
    });
  }

  stopExport(): void {
    void this.#running.stop('export');
  }

  async import(file: Blob): Promise<void> {
    await this.#act('import', async () => {
      const run = await this.#laboratory.training.importRun(file);
      this.#know(run);
      this.choose(run.id);
    });
  }

  /** Puts the demo's recorded run into the list, and shows it. */
  async openDemo(): Promise<void> {
    await this.#act('import', async () => {
      const file = await this.#laboratory.demoRun();
      const run = await this.#laboratory.training.importRun(file);
      this.#know(run);
      this.choose(run.id);
    });
  }

  async #act(action: RunAction, work: () => Promise<void>): Promise<void> {
    if (this.acting !== null) return;
    this.acting = action;
    await this.#guarded(work);
    this.acting = null;
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    this.error = null;
    try {
      await work();
    } catch (error) {
      if (!isAbort(error)) this.error = toEnvelope(error);
    }
  }
}

export const [getTraining, setTraining] = createContext<Training>();
