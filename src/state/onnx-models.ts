/**
 * Models of the hub that run by `@huggingface/transformers`: those that the user put on the list of this device, each in a worker of its
 * own. Links name them by ids of this list only, so that no link can make a page download something.
 */
import * as v from 'valibot';
import { proxy, type RpcConnection } from '../platform/rpc/connection';
import { remoteLanguageModel } from '../platform/rpc/remote-language-model';
import { AppError } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { Progress } from '../protocol/retrieval';
import {
  TEXT_GENERATION_DTYPES,
  type TextGenerationInfo,
  type TextGenerationRequest,
  type TextGenerationWorkerApi,
} from '../protocol/text-generation-worker';
import type { EndpointStorage } from './endpoints.svelte';
import { DEFAULT_HUB } from './hub-address';
import type { LoadEvent, OnnxLibrary, OnnxModel, Part } from './laboratory';
import { onnxId } from './onnx-id';
import type { DeviceChoice } from './settings';

const KEY = 's3-web.onnx';

const entrySchema = v.object({
  repository: v.pipe(v.string(), v.regex(/^[\w-][\w.-]*\/[\w-][\w.-]*$/), v.maxLength(200)),
  revision: v.pipe(v.string(), v.regex(/^[\w.-][\w./-]*$/), v.maxLength(200)),
  dtype: v.picklist(TEXT_GENERATION_DTYPES),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

const MAX_ENTRIES = 50;

interface Loaded {
  id: string;
  connection: RpcConnection<TextGenerationWorkerApi>;
  info: TextGenerationInfo | null;
}

export class OnnxModels implements OnnxLibrary {
  readonly #start: () => RpcConnection<TextGenerationWorkerApi>;
  readonly #storage: EndpointStorage | null;
  /** By model and device. */
  readonly #loaded = new Map<string, Loaded>();
  /** For looking alone; nothing is loaded in it. */
  #looking: RpcConnection<TextGenerationWorkerApi> | null = null;
  #list: OnnxModel[];
  #hub = DEFAULT_HUB;

  constructor(start: () => RpcConnection<TextGenerationWorkerApi>, storage: EndpointStorage | null) {
    this.#start = start;
    this.#storage = storage;
    this.#list = this.#read();
  }

  useHub(address: string): void {
    this.#hub = address;
  }

  list(): OnnxModel[] {
    return [...this.#list];
  }

  has(id: string): boolean {
    return this.#list.some((model) => onnxId(model) === id);
  }

  async look(repository: string, revision: string, signal: AbortSignal): Promise<OnnxModel> {
    if (!this.#looking || this.#looking.lost.aborted) this.#looking = this.#start();
    const request = { id: repository, revision, hub: this.#hub };
    const { dtype, totalBytes } = await this.#looking.remote.measure(request, signal);
    return { repository, revision, dtype, bytes: totalBytes };
  }

  add(model: OnnxModel): string {
    const id = onnxId(model);
    this.#write([...this.#list.filter((other) => onnxId(other) !== id), model].slice(-MAX_ENTRIES));
    return id;
  }

  /** Takes it off the list and out of memory; what was downloaded stays in the browser's cache. */
  remove(id: string): void {
    this.#write(this.#list.filter((model) => onnxId(model) !== id));
    this.#close((loaded) => loaded.id === id);
  }

  /** Loads a model of the list, or finds it loaded; ends the workers of others that are in none of the parts. */
  async load(
    { id, part, device, keep }: { id: string; part: Part; device: DeviceChoice; keep: readonly string[] },
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const model = this.#list.find((entry) => onnxId(entry) === id);
    if (!model) {
      throw new AppError('NOT_FOUND', `There is no model “${id}” on this device.`, {
        fix: 'Add it on the Models page, or choose another.',
      });
    }
    this.#close((other) => !keep.includes(other.id));
    const { repository: name, revision, dtype } = model;
    const loaded = this.#workerOf(id, device);
    if (!loaded.info) onEvent({ part, phase: 'download', name });
    const request: TextGenerationRequest = {
      ...{ id: name, revision, dtype, hub: this.#hub },
      device: device === 'cpu' ? 'wasm' : device,
    };
    const state = { loading: true };
    const onProgress = (progress: Progress): void => {
      // Its messages come by a way of their own, and may come late.
      if (!state.loading) return;
      const finished = progress.label?.endsWith('.onnx') === true && progress.done >= progress.total;
      onEvent(finished ? { part, phase: 'compile', name } : { part, phase: 'download', name, progress });
    };
    // Costs nothing where it is loaded, and loads it anew where its device was lost.
    try {
      loaded.info = await loaded.connection.remote.load(request, proxy(onProgress), signal);
    } finally {
      state.loading = false;
    }
    const { device: where, reason } = loaded.info;
    onEvent({
      ...{ part, phase: 'ready', name, device: where === 'webgpu' ? 'WebGPU' : 'WASM' },
      ...(reason !== undefined && { reason }),
    });
  }

  /** A model that `load` has loaded. */
  model(id: string, device: DeviceChoice): LanguageModel {
    const loaded = this.#loaded.get(`${id} on ${device}`);
    if (!loaded?.info) {
      throw new AppError('INTERNAL', `The model ${id} is not loaded.`, {
        fix: 'Ask again.',
        recoverable: true,
      });
    }
    return remoteLanguageModel(id, loaded.connection.remote, loaded.connection.lost);
  }

  #workerOf(id: string, device: DeviceChoice): Loaded {
    const key = `${id} on ${device}`;
    const known = this.#loaded.get(key);
    if (known && !known.connection.lost.aborted) return known;
    const fresh: Loaded = { id, connection: this.#start(), info: null };
    this.#loaded.set(key, fresh);
    return fresh;
  }

  /** A worker's end frees all that it holds. */
  #close(which: (loaded: Loaded) => boolean): void {
    for (const [key, loaded] of [...this.#loaded]) {
      if (!which(loaded)) continue;
      this.#loaded.delete(key);
      loaded.connection.close();
    }
  }

  #read(): OnnxModel[] {
    try {
      const parsed = v.safeParse(v.array(entrySchema), JSON.parse(this.#storage?.getItem(KEY) ?? '[]'));
      return parsed.success ? parsed.output.slice(-MAX_ENTRIES) : [];
    } catch {
      return []; // Storage may be denied; what lies there may be anything.
    }
  }

  #write(list: OnnxModel[]): void {
    this.#list = list;
    try {
      if (list.length === 0) this.#storage?.removeItem(KEY);
      else this.#storage?.setItem(KEY, JSON.stringify(list));
    } catch {
      // Storage may be full or denied: the list then lasts as long as the page.
    }
  }
}
