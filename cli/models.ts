import type { Backend } from '../src/gpu/backend';
import { isEndpointReference, parseEndpointReference } from '../src/generate/endpoint';
import { createOpenAiModel } from '../src/generate/openai';
import { loadModel, type LoadedModel } from '../src/lm/engine';
import { openLocalModel, type LocalModel } from '../src/lm/local-model';
import { systemClock } from '../src/platform/clock';
import type { LanguageModel } from '../src/protocol/language-model';
import type { RegistryModel } from '../src/protocol/registry';
import { openBackend, type DeviceChoice } from './backend';
import { modelFiles, openCheckpoint, type OpenCheckpoint } from './checkpoint';
import type { Console } from './command';
import { progressNotes } from './progress';
import { embeddedModel } from './registry';

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
  readonly #open = new Map<string, Promise<OpenModel>>();
  readonly #loaded: { dispose(): void }[] = [];
  #backend: Promise<Backend> | undefined;

  constructor(console: Console, device: DeviceChoice) {
    this.#console = console;
    this.#device = device;
  }

  /** For text: `demo`, a folder, or an endpoint. */
  open(reference: string): Promise<OpenModel> {
    let opened = this.#open.get(reference);
    if (opened === undefined) {
      opened = this.#openText(reference);
      this.#open.set(reference, opened);
    }
    return opened;
  }

  /** For token ids: `demo` or a folder, which needs no tokenizer. */
  async openEngine(reference: string): Promise<{ engine: LoadedModel; checkpoint: OpenCheckpoint }> {
    const checkpoint = await openCheckpoint(reference);
    try {
      const { config, weights: source } = checkpoint;
      const engine = await loadModel({ config, source, ...(await this.#loading()) });
      this.#loaded.push(engine);
      return { engine, checkpoint };
    } finally {
      await checkpoint.close();
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
    const embedded = await embeddedModel(reference);
    return { model: await this.#openLocal(reference), search: embedded?.search };
  }

  async #openLocal(reference: string): Promise<LocalModel> {
    const checkpoint = await openCheckpoint(reference);
    try {
      const files = await modelFiles(checkpoint);
      const model = await openLocalModel({ id: reference, files, ...(await this.#loading()) });
      this.#loaded.push(model);
      return model;
    } finally {
      await checkpoint.close();
    }
  }

  async #loading() {
    this.#backend ??= openBackend(this.#console, this.#device);
    const backend = await this.#backend;
    return { backend, signal: this.#console.signal, onProgress: progressNotes(this.#console) };
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
