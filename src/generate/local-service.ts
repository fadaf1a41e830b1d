import { openLocalModel, type LocalModel } from '../lm/local-model';
import type { Backend } from '../gpu/backend';
import { AppError, throwIfAborted, toEnvelope } from '../protocol/errors';
import type { GenerateEvent, GenerateRequest } from '../protocol/language-model';
import type {
  ComputeDevice,
  LmWorkerApi,
  LoadLocalModelRequest,
  LocalModelInfo,
} from '../protocol/lm-worker';
import type { RegistryModel } from '../protocol/registry';
import type { OnProgress } from '../protocol/retrieval';
import { fetchModelFiles, fetchRegistry, languageModelFiles, type FolderTools } from './model-folder';
import { pickBackend } from './pick-backend';

export interface LocalServiceTools extends FolderTools {
  /** `navigator.gpu`; undefined where there is none. */
  gpu: GPU | undefined;
}

const NEEDED = /\.(json|jinja|safetensors)$/;

interface Opened {
  request: LoadLocalModelRequest;
  model: LocalModel;
  backend: Backend;
  info: LocalModelInfo;
}

const sameRequest = (a: LoadLocalModelRequest, b: LoadLocalModelRequest): boolean =>
  a.modelsUrl === b.modelsUrl && a.id === b.id && a.device === b.device && a.maxContext === b.maxContext;

/** One local model at a time, with the device it runs on. What the worker of the language model exposes. */
export class LocalModelService implements LmWorkerApi {
  readonly #tools: LocalServiceTools;
  #opened: Opened | undefined;
  /** Loads and unloads follow one another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(tools: LocalServiceTools) {
    this.#tools = tools;
  }

  /** @throws AppError NOT_FOUND, NETWORK, INTEGRITY, BAD_INPUT, UNSUPPORTED, OUT_OF_MEMORY, ABORTED */
  load(
    request: LoadLocalModelRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<LocalModelInfo> {
    const result = this.#last.then(async () => {
      throwIfAborted(signal);
      if (this.#opened && sameRequest(this.#opened.request, request)) return this.#opened.info;
      await this.#close();
      this.#opened = await this.#open(request, onProgress, signal);
      return this.#opened.info;
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    const opened = this.#require();
    try {
      yield* opened.model.generate(request, signal);
    } catch (error) {
      // Nothing on a lost device can be saved; the next `load` starts anew.
      if (toEnvelope(error).code === 'DEVICE_LOST' && this.#opened === opened) await this.#close();
      throw error;
    }
  }

  async countTokens(texts: readonly string[]): Promise<number[]> {
    return this.#require().model.countTokens(texts);
  }

  unload(): Promise<void> {
    const result = this.#last.then(() => this.#close());
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #open(
    request: LoadLocalModelRequest,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { fetch, sha256 } = this.#tools;
    const { modelsUrl, id } = request;
    const registry = await fetchRegistry(modelsUrl, fetch, signal);
    const model = registry.models.find((candidate) => candidate.id === id);
    if (!model) {
      throw new AppError('NOT_FOUND', `There is no model "${id}" among those of this page.`, {
        fix: `Choose one of: ${registry.models.map((candidate) => candidate.id).join(', ')}.`,
      });
    }
    const files = await fetchModelFiles({
      ...{ fetch, sha256, modelsUrl },
      // Logs and notes lie beside the model for people.
      model: { ...model, files: model.files.filter(({ path }) => NEEDED.test(path)) },
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    const wanted = request.device ?? 'auto';
    try {
      return await this.#start(request, model, files, wanted, signal);
    } catch (error) {
      const { code, message } = toEnvelope(error);
      // A GPU that is there but fails: the CPU does it as well, and the reason is said.
      const gpuFailed = code === 'OUT_OF_MEMORY' || code === 'DEVICE_LOST';
      if (wanted !== 'auto' || !gpuFailed) throw error;
      const opened = await this.#start(request, model, files, 'cpu', signal);
      return { ...opened, info: { ...opened.info, reason: `WebGPU failed: ${message}` } };
    }
  }

  async #start(
    request: LoadLocalModelRequest,
    entry: RegistryModel,
    files: ReadonlyMap<string, Uint8Array>,
    wanted: ComputeDevice | 'auto',
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { backend, reason } = await pickBackend(this.#tools.gpu, wanted);
    try {
      const model = await openLocalModel({
        id: entry.id,
        files: languageModelFiles(entry, files),
        backend,
        ...(request.maxContext !== undefined && { maxContext: request.maxContext }),
        ...(signal && { signal }),
      });
      const info: LocalModelInfo = {
        id: entry.id,
        title: entry.title,
        device: backend.description.kind,
        deviceName: backend.description.name,
        maxContext: model.maxContext,
        liveBytes: backend.liveBytes,
        ...(reason !== undefined && { reason }),
      };
      return { request, model, backend, info };
    } catch (error) {
      backend.dispose();
      throw error;
    }
  }

  #require(): Opened {
    if (this.#opened) return this.#opened;
    throw new AppError('INTERNAL', 'No model is loaded.', {
      fix: 'Load a model and try again.',
      recoverable: true,
    });
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.model.dispose();
    opened?.backend.dispose();
  }
}
