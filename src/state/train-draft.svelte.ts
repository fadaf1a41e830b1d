/** A run that is being written down: its recipe, what is wrong with it, what it would learn from, what it would cost. */
import { AppError, isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { RunConfig } from '../train/records';
import { checkRunConfig } from '../train/runs/config-schema';
import { defaultRunConfig, isPreset, PRESET_NAMES } from '../train/runs/default-config';
import type { ConfigIssue, FilterCounts, RunEstimate, TrainingApi } from '../train/worker-api';
import type { ModelOption } from './laboratory';
import { Meter, type Measured } from './meter';
import { Running } from './running';
import { isChanged, setField, valueOf } from './train-fields';
import { differences, sameLeaf, withPath, type Leaf } from './train-paths';

export { PRESET_NAMES };

/** What the counts depend on: a change elsewhere leaves them as they are. */
const countsKey = ({ questions, generator, corpus, retrieval, reward, searcher }: RunConfig): string =>
  JSON.stringify([questions, generator, corpus, retrieval, reward, searcher.model]);

export class TrainDraft {
  /** The preset's, or the run's that it is forked from: what a reset goes back to. */
  base = $state.raw<RunConfig>(defaultRunConfig());
  config = $state.raw<RunConfig>(defaultRunConfig());
  /** The run and step that it goes on from. */
  from = $state.raw<{ run: string; name: string; step: number } | null>(null);
  counts = $state.raw<FilterCounts | null>(null);
  countsError = $state.raw<ErrorEnvelope | null>(null);
  /** Plain RAG's answers are being made. */
  preparing = $state.raw<Measured | null>(null);
  measured = $state.raw<{ estimate: RunEstimate; config: RunConfig } | null>(null);
  measuring = $state.raw<{ done: number; total: number } | null>(null);
  error = $state.raw<ErrorEnvelope | null>(null);
  #api: TrainingApi;
  #running = new Running();
  #counted = '';

  constructor(api: TrainingApi) {
    this.#api = api;
  }

  readonly issues = $derived<readonly ConfigIssue[]>(checkRunConfig(this.config).issues);
  /** Everything that differs from the base. */
  readonly changes = $derived(differences(this.base, this.config));
  /** The estimate was measured for this very recipe. */
  readonly measuredHere = $derived(
    this.measured !== null && differences(this.measured.config, this.config).length === 0,
  );

  issueOf(path: string): ConfigIssue | undefined {
    return this.issues.find((issue) => issue.path === path || path.startsWith(`${issue.path}.`));
  }

  /** Begins anew from a preset; what is trained on what stays as it was chosen, and so does a name that was given. */
  choosePreset(name: string): void {
    if (!isPreset(name)) return;
    const fresh = defaultRunConfig(name);
    const { searcher, generator, corpus, retrieval, questions, device, agent } = this.config;
    const { promptStyle } = agent;
    const kept = {
      ...{ ...fresh, searcher, generator, corpus, retrieval, questions, device },
      agent: { ...fresh.agent, ...(promptStyle && { promptStyle }) },
    };
    const named = this.config.name !== this.base.name;
    this.#begin(fresh, named ? { ...kept, name: this.config.name } : kept);
  }

  #begin(base: RunConfig, config: RunConfig): void {
    this.base = base;
    this.config = config;
    this.error = null;
  }

  /** A run of its own, from the defaults. */
  fresh(): void {
    this.from = null;
    const config = defaultRunConfig();
    this.#begin(config, config);
  }

  /** A run that begins at a checkpoint of another, or, with step 0, anew with its recipe. */
  fork(run: { id: string; config: RunConfig }, step: number, name: string): void {
    this.from = { run: run.id, name: run.config.name, step };
    this.#begin(run.config, { ...run.config, name });
  }

  value(path: string): Leaf {
    return valueOf(this.config, path);
  }

  isChanged(path: string): boolean {
    return isChanged(this.config, this.base, path);
  }

  set(path: string, value: Leaf): void {
    if (!sameLeaf(value, this.value(path))) this.config = setField(this.config, path, value, this.base);
  }

  reset(path: string): void {
    this.set(path, valueOf(this.base, path));
  }

  resetAll(): void {
    this.config = { ...this.base, name: this.config.name };
  }

  rename(name: string): void {
    this.config = { ...this.config, name };
  }

  /** A searcher comes with the instructions and the window that it was trained with, where it was trained to search. */
  chooseSearcher(option: Pick<ModelOption, 'id' | 'search'>): void {
    let config = setField(this.config, 'searcher.model', option.id, this.base);
    config = withPath(config, 'agent.promptStyle', option.search?.promptStyle ?? 'full');
    const found = option.search?.documentsPerQuery ?? 8;
    this.config = setField(config, 'ppo.search.topK', found, this.base);
  }

  /** Asks how many questions are left, where something changed that it depends on. */
  async count(): Promise<void> {
    const key = countsKey(this.config);
    if (key === this.#counted) return;
    this.#counted = key;
    try {
      const counts = await this.#api.filterCounts(this.config);
      if (this.#counted === key) [this.counts, this.countsError] = [counts, null];
    } catch (error) {
      if (this.#counted !== key) return;
      this.counts = null;
      this.countsError = toEnvelope(error);
      this.#counted = '';
    }
  }

  /** Has plain RAG answer what it has not answered yet. What is done stays done when it is stopped. */
  async prepare(): Promise<void> {
    const meter = new Meter();
    await this.#work('prepare', async (signal) => {
      this.preparing = meter.measure({ done: 0, total: 1, unit: 'passages' }, performance.now());
      try {
        this.counts = await this.#api.precompute(
          this.config,
          (progress) => (this.preparing = meter.measure(progress, performance.now())),
          signal,
        );
      } finally {
        this.preparing = null;
        this.#counted = '';
        await this.count();
      }
    });
  }

  /** What plain RAG answered, as `rag_cache.json`; null where that went wrong, which `error` tells. */
  async exportAnswers(): Promise<Blob | null> {
    let file: Blob | null = null;
    await this.#work('answers', async () => {
      file = await this.#api.exportCache();
    });
    return file;
  }

  /** Adds a `rag_cache.json` to what is known, and counts again; returns how many answers are new. */
  async importAnswers(file: Blob): Promise<number | null> {
    let added: number | null = null;
    await this.#work('answers', async () => {
      added = await this.#api.importCache(file);
      this.#counted = '';
      await this.count();
    });
    return added;
  }

  /** Loads, measures a step, unloads. */
  async measure(): Promise<void> {
    const { config } = this;
    await this.#work('measure', async (signal) => {
      this.measuring = { done: 0, total: 1 };
      try {
        const estimate = await this.#api.estimate(
          config,
          ({ done, total }) => (this.measuring = { done, total }),
          signal,
        );
        this.measured = { estimate, config };
        this.counts = estimate.questions;
      } finally {
        this.measuring = null;
      }
    });
  }

  stop(): void {
    void this.#running.stop('measure');
    void this.#running.stop('prepare');
  }

  /** Throws where the recipe cannot be used. */
  requireSound(): RunConfig {
    const [issue] = this.issues;
    if (!issue) return this.config;
    throw new AppError('BAD_INPUT', `The recipe has something wrong: ${issue.path} ${issue.message}.`, {
      fix: 'Correct the marked field.',
    });
  }

  /** A file of questions becomes a set, and is chosen. */
  async addQuestions(file: File): Promise<void> {
    await this.#work('questions', async () => {
      const set = await this.#api.importQuestions({ path: file.name, file });
      this.set('questions.source', set.id);
    });
  }

  async #work(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await this.#running.run(name, async (signal) => {
      this.error = null;
      try {
        await work(signal);
      } catch (error) {
        if (!isAbort(error)) this.error = toEnvelope(error);
      }
    });
  }
}
