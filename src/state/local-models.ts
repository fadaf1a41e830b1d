/** The language models that run in this tab: one worker for each, kept until it is unloaded. */
import { usingAdapter } from '../generate/using-adapter';
import { proxy, type RpcConnection } from '../platform/rpc/connection';
import { remoteLanguageModel } from '../platform/rpc/remote-language-model';
import { AppError, toEnvelope } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { LmWorkerApi, LocalModelInfo } from '../protocol/lm-worker';
import { splitChoice } from '../protocol/model-ids';
import type { ModelReference, StoredModelSettings } from '../protocol/model-library';
import type { Progress } from '../protocol/retrieval';
import type { LoadEvent, Part, RunnerEvent } from './laboratory';
import type { DeviceChoice } from './settings';

interface Loaded {
  id: string;
  connection: RpcConnection<LmWorkerApi>;
  info: LocalModelInfo | null;
}

export interface OpenRequest {
  model: ModelReference;
  name: string;
  part: Part;
  device: DeviceChoice;
  settings?: StoredModelSettings;
  /** Ids of models that may not be unloaded to make room. */
  keep: readonly string[];
}

const keyOf = (id: string, device: DeviceChoice): string => `${id} on ${device}`;

export class LocalModels {
  readonly #start: () => RpcConnection<LmWorkerApi>;
  readonly #modelsUrl: string;
  readonly #loaded = new Map<string, Loaded>();
  readonly #listeners = new Set<(id: string, event: RunnerEvent) => void>();

  constructor(start: () => RpcConnection<LmWorkerApi>, modelsUrl: string) {
    this.#start = start;
    this.#modelsUrl = modelsUrl;
  }

  watch(listener: (id: string, event: RunnerEvent) => void): void {
    this.#listeners.add(listener);
  }

  /** Loads a model, or finds it loaded; says how far it is. A worker that died is started anew. */
  async load(
    request: OpenRequest,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<LocalModelInfo> {
    const { part, name, keep } = request;
    let info: LocalModelInfo;
    try {
      info = await this.#load(request, onEvent, signal);
    } catch (error) {
      const idle = [...new Set([...this.#loaded.values()].map(({ id }) => id))].filter(
        (id) => !keep.includes(id),
      );
      if (toEnvelope(error).code !== 'OUT_OF_MEMORY' || idle.length === 0) throw error;
      // Another model that nobody needs now may be in the way.
      for (const id of idle) await this.unload(id);
      info = await this.#load(request, onEvent, signal);
    }
    const { device, deviceName, reason, weights, liveBytes } = info;
    onEvent({
      ...{ part, phase: 'ready', name },
      device: device === 'webgpu' ? `WebGPU, ${deviceName}` : deviceName,
      ...(reason !== undefined && { reason }),
      memory: { weights, bytes: liveBytes },
    });
    return info;
  }

  /** A model that `load` has loaded; the choice may name one of its adapters. */
  model(choice: string, device: DeviceChoice): LanguageModel {
    const { model: id, adapter } = splitChoice(choice);
    const loaded = this.#loaded.get(keyOf(id, device));
    if (!loaded?.info) {
      throw new AppError('INTERNAL', `The model ${id} is not loaded.`, {
        fix: 'Ask again.',
        recoverable: true,
      });
    }
    const model = remoteLanguageModel(choice, loaded.connection.remote, loaded.connection.lost);
    if (adapter === undefined) return model;
    return usingAdapter(model, adapter, choice);
  }

  /** Ends the workers of a model, which frees all that they hold. */
  async unload(id: string): Promise<void> {
    for (const [key, loaded] of [...this.#loaded]) {
      if (loaded.id !== id) continue;
      this.#loaded.delete(key);
      // The worker frees the graphics memory itself; a device that is only dropped is freed when the browser likes.
      if (!loaded.connection.lost.aborted) await loaded.connection.remote.unload().catch(() => undefined);
      loaded.connection.close();
      this.#tell(id, { type: 'unloaded' });
    }
  }

  async #load(
    { model, name, part, device: wanted, settings = {} }: OpenRequest,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<LocalModelInfo> {
    const loaded = this.#workerOf(model.id, wanted);
    if (loaded.info) return loaded.info;
    onEvent({ part, phase: model.kind === 'embedded' ? 'download' : 'read', name });
    const state = { loading: true };
    const onProgress = (progress: Progress): void => {
      // Its messages come by a way of their own, and may come after the result.
      if (!state.loading) return;
      const finished = progress.total > 0 && progress.done >= progress.total;
      onEvent(finished ? { part, phase: 'compile', name } : { part, phase: 'download', name, progress });
    };
    const request = { modelsUrl: this.#modelsUrl, model, device: wanted, ...settings };
    try {
      loaded.info = await loaded.connection.remote.load(request, proxy(onProgress), signal);
    } finally {
      state.loading = false;
    }
    this.#tell(model.id, { type: 'loaded', info: loaded.info });
    return loaded.info;
  }

  #workerOf(id: string, device: DeviceChoice): Loaded {
    const key = keyOf(id, device);
    const known = this.#loaded.get(key);
    if (known && !known.connection.lost.aborted) return known;
    const fresh: Loaded = { id, connection: this.#start(), info: null };
    this.#loaded.set(key, fresh);
    const listen = proxy((event: RunnerEvent) => {
      if (event.type === 'rebuilt') fresh.info = event.info;
      if (event.type === 'gave up') fresh.info = null;
      this.#tell(id, event);
    });
    fresh.connection.remote.watch(listen).catch(() => undefined);
    return fresh;
  }

  #tell(id: string, event: RunnerEvent): void {
    for (const listener of this.#listeners) listener(id, event);
  }
}
