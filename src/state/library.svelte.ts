/** The models of this device: what is stored, what is being fetched, what is loaded. */
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { LmWorkerEvent, LocalModelInfo } from '../protocol/lm-worker';
import { idFor, originOf, titleOf } from '../protocol/model-ids';
import type { ImportProgress, WeightType } from '../protocol/model-import';
import type {
  ImportModelRequest,
  ListedModel,
  StoredModel,
  StoredModelSettings,
} from '../protocol/model-library';
import type { PublishedModel } from '../protocol/registry';
import type { Laboratory, RunnerEvent } from './laboratory';
import { Meter, type Measured } from './meter';
import { ModelExports } from './model-exports.svelte';
import { Running } from './running';
import type { DeviceChoice } from './settings';

export interface FetchJob {
  /** Of the model that it becomes. */
  id: string;
  title: string;
  request: ImportModelRequest;
  status: 'running' | 'pausing' | 'failed';
  phase: ImportProgress['phase'];
  measured: Measured | null;
  /** Of what is done, what an earlier attempt had left. */
  resumed: number;
  error: ErrorEnvelope | null;
}

/** A model in memory, or on its way there. */
export interface LoadState {
  phase: 'compile' | 'ready' | 'failed';
  info: LocalModelInfo | null;
  error: ErrorEnvelope | null;
}

/** What happened to the device of a loaded model; the page shows the last of it. */
export interface DeviceNotice {
  name: string;
  event: LmWorkerEvent;
}

const fetching = (id: string): string => `fetch ${id}`;
const loading = (id: string): string => `load ${id}`;

export class Library {
  models = $state.raw<ListedModel[]>([]);
  published = $state.raw<PublishedModel[]>([]);
  jobs = $state.raw<FetchJob[]>([]);
  loads = $state.raw<Readonly<Record<string, LoadState>>>({});
  notice = $state.raw<DeviceNotice | null>(null);
  error = $state.raw<ErrorEnvelope | null>(null);
  loaded = $state(false);
  #laboratory: Laboratory;
  /** Tells whoever lists what can be chosen. */
  #onchange: () => Promise<void>;
  #running = new Running();
  readonly exports: ModelExports;

  constructor(laboratory: Laboratory, onchange: () => Promise<void>) {
    this.#laboratory = laboratory;
    this.#onchange = onchange;
    this.exports = new ModelExports(laboratory.library);
    laboratory.runner.watch((id, event) => this.#heard(id, event));
  }

  jobOf(id: string): FetchJob | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  /** The stored model of a published checkpoint, in whatever type. */
  storedOf(repository: string): ListedModel[] {
    return this.models.filter(({ origin }) => origin.kind === 'hub' && origin.repository === repository);
  }

  async refresh(): Promise<void> {
    try {
      const { library } = this.#laboratory;
      [this.models, this.published] = await Promise.all([
        library.listModels(),
        this.published.length > 0 ? this.published : this.#laboratory.published(),
      ]);
      this.loaded = true;
      this.error = null;
    } catch (error) {
      this.error = toEnvelope(error);
    }
    await this.#onchange();
  }

  /** Fetches a model, stores it and loads it. Never rejects: what goes wrong stands in the job. */
  async fetch(
    from: ImportModelRequest['from'],
    weights: WeightType | undefined,
    device: DeviceChoice,
  ): Promise<void> {
    const id = idFor(from, weights, this.models);
    if (this.#running.has(fetching(id))) return;
    const request: ImportModelRequest = { id, from, ...(weights && { weights }) };
    const job: FetchJob = {
      ...{ id, title: titleOf(originOf(from)), request, status: 'running', phase: 'plan' },
      ...{ measured: null, resumed: 0, error: null },
    };
    this.jobs = [...this.jobs.filter((other) => other.id !== id), job];
    const stored = await this.#running.run(fetching(id), async (signal) => {
      const model = await this.#import(request, signal);
      await this.refresh();
      return model;
    });
    if (stored) await this.load(id, device);
  }

  /** Null where it was stopped or went wrong. */
  async #import(request: ImportModelRequest, signal: AbortSignal): Promise<StoredModel | null> {
    const { id } = request;
    const meter = new Meter();
    try {
      const stored = await this.#laboratory.library.importModel(
        request,
        ({ phase, done, total, resumed }) =>
          this.#update(id, {
            ...{ phase, resumed },
            measured: meter.measure({ done, total, unit: 'bytes' }, performance.now()),
          }),
        signal,
      );
      this.dismiss(id);
      return stored;
    } catch (error) {
      if (isAbort(error) || signal.aborted) this.dismiss(id);
      else this.#update(id, { status: 'failed', error: toEnvelope(error) });
      return null;
    }
  }

  /** Stops a download; what is complete stays. Resolves when it has stopped. */
  async pause(id: string): Promise<void> {
    if (!this.#running.has(fetching(id))) return;
    this.#update(id, { status: 'pausing' });
    await this.#running.stop(fetching(id));
  }

  /** Goes on with a paused download from the hub. What was dropped must be dropped again. */
  async resume(model: StoredModel, device: DeviceChoice, token?: string): Promise<void> {
    const { origin, weights } = model;
    if (origin.kind !== 'hub') return;
    await this.fetch(
      { ...origin, ...(token && { token }) },
      weights === 'as stored' ? undefined : weights,
      device,
    );
  }

  dismiss(id: string): void {
    this.jobs = this.jobs.filter((job) => job.id !== id);
  }

  /** Frees a model: stops its download, unloads it, deletes its files. */
  async remove(id: string): Promise<void> {
    await this.#guarded(async () => {
      await Promise.all([this.pause(id), this.exports.stop(id)]);
      this.dismiss(id);
      this.exports.dismiss(id);
      await this.unload(id);
      await this.#laboratory.library.deleteModel(id);
    });
  }

  async change(id: string, change: { name?: string; settings?: StoredModelSettings }): Promise<void> {
    await this.#guarded(async () => {
      await this.#laboratory.library.changeModel(id, change);
      // What is loaded was loaded as it was set before.
      if (change.settings) await this.unload(id);
    });
  }

  async addAdapter(model: string, from: ImportModelRequest['from'], signal?: AbortSignal): Promise<void> {
    await this.#guarded(async () => {
      await this.#laboratory.library.addAdapter({ model, from }, signal);
      await this.unload(model);
    });
  }

  async removeAdapter(model: string, adapter: string): Promise<void> {
    await this.#guarded(async () => {
      await this.unload(model);
      await this.#laboratory.library.removeAdapter(model, adapter);
    });
  }

  /** Brings a model into memory, ready to be used. Never rejects. */
  async load(id: string, device: DeviceChoice): Promise<void> {
    await this.#running.run(loading(id), async (signal) => {
      this.#setLoad(id, { phase: 'compile', info: null, error: null });
      try {
        const info = await this.#laboratory.runner.load(id, device, signal);
        this.#setLoad(id, { phase: 'ready', info, error: null });
      } catch (error) {
        const failed: LoadState = { phase: 'failed', info: null, error: toEnvelope(error) };
        this.#setLoad(id, isAbort(error) ? null : failed);
      }
    });
  }

  async stopLoading(id: string): Promise<void> {
    await this.#running.stop(loading(id));
  }

  async unload(id: string): Promise<void> {
    await this.stopLoading(id);
    await this.#laboratory.runner.unload(id);
    this.#setLoad(id, null);
  }

  #heard(id: string, event: RunnerEvent): void {
    if (event.type === 'loaded') this.#setLoad(id, { phase: 'ready', info: event.info, error: null });
    else if (event.type === 'unloaded') this.#setLoad(id, null);
    else {
      const name = this.models.find((model) => model.id === id)?.name ?? id;
      this.notice = { name, event };
      if (event.type === 'rebuilt') this.#setLoad(id, { phase: 'ready', info: event.info, error: null });
      if (event.type === 'gave up') this.#setLoad(id, { phase: 'failed', info: null, error: event.error });
    }
  }

  async #guarded(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      await this.refresh();
    } catch (error) {
      await this.refresh();
      if (!isAbort(error)) this.error = toEnvelope(error);
    }
  }

  #update(id: string, change: Partial<FetchJob>): void {
    this.jobs = this.jobs.map((job) => (job.id === id ? { ...job, ...change } : job));
  }

  #setLoad(id: string, state: LoadState | null): void {
    const { [id]: _before, ...others } = this.loads;
    this.loads = state ? { ...others, [id]: state } : others;
  }
}
