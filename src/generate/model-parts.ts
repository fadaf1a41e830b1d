/** Finds the model that a load asks for, and reads it again as often as it must be rebuilt. */
import type { ModelSource } from '../lm/import/model-source';
import type { ModelFiles } from '../lm/local-model';
import { AppError } from '../protocol/errors';
import type { LoadLocalModelRequest } from '../protocol/lm-worker';
import type { AdapterShape, ModelStore } from '../protocol/model-library';
import type { OnProgress } from '../protocol/retrieval';
import { fetchModelFiles, fetchRegistry, languageModelFiles, type FolderTools } from './model-folder';
import { readStoredModel, StoredSource } from './stored-model';

export interface ModelParts {
  id: string;
  title: string;
  files: ModelFiles;
  /** Its adapters by id. */
  adapters: ReadonlyMap<string, ModelSource>;
  /** Of its adapters, as far as they are known before they are read. */
  shapes: readonly AdapterShape[];
}

export interface FoundModel {
  title: string;
  /** Reads the model: the embedded one from memory, a stored one from the device anew. */
  read(signal?: AbortSignal): Promise<ModelParts>;
}

export interface PartsTools extends FolderTools {
  /** Throws `UNSUPPORTED` where the browser keeps no files. */
  store: () => ModelStore;
}

const NEEDED = /\.(json|jinja|safetensors)$/;

/** @throws AppError NOT_FOUND, NETWORK, INTEGRITY, BAD_RESPONSE, UNSUPPORTED, ABORTED */
export async function findModel(
  request: LoadLocalModelRequest,
  tools: PartsTools,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<FoundModel> {
  const { kind, id } = request.model;
  if (kind === 'stored') {
    const store = tools.store();
    const { name } = await store.get(id);
    return {
      title: name,
      read: async (again) => {
        const { adapters } = await store.get(id);
        return {
          ...{ id, title: name },
          shapes: adapters.flatMap(({ shape }) => (shape ? [shape] : [])),
          files: await readStoredModel(store, id, tools.sha256, again),
          adapters: new Map(
            adapters.map((adapter) => [adapter.id, new StoredSource(store, id, `adapters/${adapter.id}/`)]),
          ),
        };
      },
    };
  }
  return findEmbedded(request.modelsUrl, id, tools, onProgress, signal);
}

async function findEmbedded(
  modelsUrl: string,
  id: string,
  { fetch, sha256 }: FolderTools,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<FoundModel> {
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
  const parts: ModelParts = {
    id,
    title: model.title,
    files: languageModelFiles(model, files),
    adapters: new Map(),
    shapes: [],
  };
  return { title: model.title, read: () => Promise.resolve(parts) };
}
