/** The models that a run names, in a worker: those that come with the page, and those of this device. */
import { readAdapter } from '../../generate/adapter-files';
import { isEndpointReference, parseEndpointReference } from '../../generate/endpoint';
import { fetchModelFiles, fetchRegistry, type FolderTools } from '../../generate/model-folder';
import { createOpenAiModel } from '../../generate/openai';
import { StoredSource } from '../../generate/stored-model';
import type { Backend } from '../../gpu/backend';
import { parseModelConfig } from '../../lm/config';
import { FilesSource } from '../../lm/import/files-source';
import type { ModelSource } from '../../lm/import/model-source';
import { modelFilesOf, openModel, type OpenedModel } from '../../lm/import/open-model';
import { openLocalModel } from '../../lm/local-model';
import type { LoraAdapter } from '../../lm/lora/adapter';
import type { Clock } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type { LanguageModel } from '../../protocol/language-model';
import type { ModelStore } from '../../protocol/model-library';
import type { OnProgress } from '../../protocol/retrieval';
import type { RunConfig } from '../records';

export interface WorkerModelTools extends FolderTools {
  /** Where `registry.json` lies. */
  modelsUrl: string;
  /** Throws `UNSUPPORTED` where the browser keeps no files. */
  store: () => ModelStore;
  clock: Clock;
}

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

const NEEDED = /\.(json|jinja|safetensors)$/;

export class WorkerModels {
  constructor(private readonly tools: WorkerModelTools) {}

  /** @throws AppError NOT_FOUND, NETWORK, INTEGRITY, ABORTED */
  async open(id: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<OpenedModel> {
    const { fetch, sha256, modelsUrl, store } = this.tools;
    const registry = await fetchRegistry(modelsUrl, fetch, signal);
    const model = registry.models.find((candidate) => candidate.id === id);
    const source = model
      ? filesOf(
          id,
          await fetchModelFiles({
            ...{ fetch, sha256, modelsUrl },
            model: { ...model, files: model.files.filter(({ path }) => NEEDED.test(path)) },
            ...(signal && { signal }),
            ...(onProgress && { onProgress }),
          }),
        )
      : new StoredSource(store(), (await store().get(id)).id);
    return openModel({ source, sha256: async (bytes) => hex(await sha256(bytes)), signal });
  }

  /** The adapter that a run begins from; undefined where it begins from the model itself. */
  async adapter(
    { searcher }: RunConfig,
    model: OpenedModel,
    signal?: AbortSignal,
  ): Promise<LoraAdapter | undefined> {
    const { model: id, adapter } = searcher;
    if (adapter === undefined) return undefined;
    const source = new StoredSource(this.tools.store(), id, `adapters/${adapter}/`);
    return readAdapter(source, parseModelConfig(model.config), signal);
  }

  /** Another model than the searcher, to answer; on the same device. */
  async generator(reference: string, backend: Backend, signal: AbortSignal): Promise<LanguageModel> {
    if (isEndpointReference(reference)) {
      const { fetch, clock } = this.tools;
      return createOpenAiModel({ ...parseEndpointReference(reference), fetch, clock, random: Math.random });
    }
    const opened = await this.open(reference, undefined, signal);
    return openLocalModel({ id: reference, files: await modelFilesOf(opened, signal), backend, signal });
  }
}

function filesOf(name: string, files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): ModelSource {
  if (files.size === 0) throw new AppError('NOT_FOUND', `The model ${name} has no files.`);
  return new FilesSource(name, new Map([...files].map(([path, bytes]) => [path, new Blob([bytes])])));
}
