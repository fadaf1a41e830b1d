import { join } from 'node:path';
import type { Backend } from '../src/gpu/backend';
import { readAdapter } from '../src/generate/adapter-files';
import { isEndpointReference, parseEndpointReference } from '../src/generate/endpoint';
import { createOpenAiModel } from '../src/generate/openai';
import { usingAdapter } from '../src/generate/using-adapter';
import { loadModel, type LoadedModel } from '../src/lm/engine';
import { closeModel, modelFilesOf, type OpenedModel } from '../src/lm/import/open-model';
import { LocalModel, openLocalModel } from '../src/lm/local-model';
import { systemClock } from '../src/platform/clock';
import { AppError } from '../src/protocol/errors';
import type { LanguageModel } from '../src/protocol/language-model';
import type { WeightType } from '../src/protocol/model-import';
import type { RegistryModel } from '../src/protocol/registry';
import { baseOfAdapter } from './adapter-folder';
import { openBackend, type DeviceChoice } from './backend';
import { openCheckpoint } from './checkpoint';
import type { Console } from './command';
import { FolderSource } from './folder-source';
import { progressNotes } from './progress';
import { modelsFolder } from './folders';
import { embeddedAdapter, embeddedModel } from './registry';

/** A model that is ready, and what a run with it has to know. */
export interface OpenModel {
  model: LanguageModel;
  /** The settings of the search that a searcher was trained with, where it says so. */
  search: RegistryModel['search'];
}

/** The models of one command, on one device. A reference that is opened twice is loaded once. */
export class Models {
  readonly #console: Console;
  readonly #device: DeviceChoice;
  readonly #weights: WeightType | undefined;
  readonly #open = new Map<string, Promise<OpenModel>>();
  readonly #loaded: { dispose(): void }[] = [];
  #backend: Promise<Backend> | undefined;

  /** @param weights type of the matrices; default as stored, of a repository of the hub q4 */
  constructor(console: Console, device: DeviceChoice, weights?: WeightType) {
    this.#console = console;
    this.#device = device;
    this.#weights = weights;
  }

  /** For text: `demo`, an adapter of it that comes with the project, a folder of a model or of an adapter, a file, `hf:owner/name`, or an endpoint. */
  open(reference: string): Promise<OpenModel> {
    let opened = this.#open.get(reference);
    if (opened === undefined) {
      opened = this.#openText(reference);
      this.#open.set(reference, opened);
    }
    return opened;
  }

  /** For token ids: the same but endpoints; a tokenizer is not needed. An adapter's id is its folder, as given. */
  async openEngine(
    reference: string,
    adapter?: string,
  ): Promise<{ engine: LoadedModel; opened: OpenedModel }> {
    const opened = await openCheckpoint(reference, this.#weights, this.#console);
    try {
      const { config, checkpoint } = opened;
      const engine = await loadModel({ config, checkpoint, ...(await this.#loading()) });
      this.#loaded.push(engine);
      if (adapter !== undefined) {
        const source = await FolderSource.open(adapter);
        await engine.addAdapter(adapter, await readAdapter(source, engine.config, this.#console.signal));
      }
      return { engine, opened };
    } finally {
      await closeModel(opened);
    }
  }

  async dispose(): Promise<void> {
    await Promise.allSettled(this.#open.values());
    for (const model of this.#loaded.splice(0)) model.dispose();
    const backend = await this.#backend?.catch(() => undefined);
    backend?.dispose();
  }

  async #openText(reference: string): Promise<OpenModel> {
    if (isEndpointReference(reference)) return { model: openEndpoint(reference), search: undefined };
    const embedded = await embeddedAdapter(reference);
    if (embedded?.base !== undefined) {
      const { id, base, search } = embedded;
      return { model: (await this.#openAdapter(base, id, join(modelsFolder, id))).model, search };
    }
    const base = await baseOfAdapter(reference);
    if (base !== undefined) return this.#openAdapter(base, reference, reference);
    const known = await embeddedModel(reference);
    return { model: await this.#openLocal(reference), search: known?.search };
  }

  /** An adapter on its base, which is loaded once for both. */
  async #openAdapter(base: string, id: string, folder: string): Promise<OpenModel> {
    const { model, search } = await this.open(base);
    if (!(model instanceof LocalModel)) {
      throw new AppError('BAD_INPUT', `The adapter ${id} is for ${base}, which is no model that runs here.`, {
        fix: 'Name the folder of a base model in its adapter_config.json.',
      });
    }
    const source = await FolderSource.open(folder);
    await model.addAdapter(id, (config) => readAdapter(source, config, this.#console.signal));
    return { model: usingAdapter(model, id, id), search };
  }

  async #openLocal(reference: string): Promise<LocalModel> {
    const opened = await openCheckpoint(reference, this.#weights, this.#console);
    try {
      const files = await modelFilesOf(opened, this.#console.signal);
      const model = await openLocalModel({ id: reference, files, ...(await this.#loading()) });
      this.#loaded.push(model);
      return model;
    } finally {
      await closeModel(opened);
    }
  }

  async #loading() {
    this.#backend ??= openBackend(this.#console, this.#device);
    const backend = await this.#backend;
    return {
      backend,
      signal: this.#console.signal,
      onProgress: progressNotes(this.#console),
      ...(this.#weights !== undefined && { weights: this.#weights }),
    };
  }
}

function openEndpoint(reference: string): LanguageModel {
  const { baseUrl, model } = parseEndpointReference(reference);
  const apiKey = process.env['S3_API_KEY'];
  return createOpenAiModel({
    baseUrl,
    model,
    ...(apiKey !== undefined && { apiKey }),
    fetch: (input, init) => fetch(input, init),
    clock: systemClock,
    random: Math.random,
  });
}
