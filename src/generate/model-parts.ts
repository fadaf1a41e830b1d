/** Finds the model that a load asks for, and reads it again as often as it must be rebuilt. */
import { FilesSource } from '../lm/import/files-source';
import type { ModelSource } from '../lm/import/model-source';
import type { ModelFiles } from '../lm/local-model';
import { AppError } from '../protocol/errors';
import type { LoadLocalModelRequest } from '../protocol/lm-worker';
import type { AdapterShape, ModelStore } from '../protocol/model-library';
import type { RegistryModel } from '../protocol/registry';
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
  const adapters = registry.models.filter(({ role, base }) => role === 'adapter' && base === id);
  const wanted = [model, ...adapters].map((one) => ({
    ...one,
    // Logs and notes lie beside the model for people.
    files: one.files.filter(({ path }) => NEEDED.test(path)),
  }));
  const bytesOf = ({ files }: Pick<RegistryModel, 'files'>): number =>
    files.reduce((sum, file) => sum + file.bytes, 0);
  const total = wanted.reduce((sum, one) => sum + bytesOf(one), 0);
  let before = 0;
  const folders = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>();
  for (const one of wanted) {
    const begun = before;
    const files = await fetchModelFiles({
      ...{ fetch, sha256, modelsUrl, model: one },
      ...(signal && { signal }),
      ...(onProgress && {
        onProgress: (progress) => onProgress({ ...progress, done: begun + progress.done, total }),
      }),
    });
    folders.set(one.id, files);
    before += bytesOf(one);
  }
  const sourceOf = (adapter: string): ModelSource =>
    new FilesSource(
      adapter,
      new Map([...(folders.get(adapter) ?? [])].map(([path, bytes]) => [path, new Blob([bytes])])),
    );
  const parts: ModelParts = {
    id,
    title: model.title,
    files: languageModelFiles(model, folders.get(id) ?? new Map<string, Uint8Array>()),
    adapters: new Map(adapters.map((adapter) => [adapter.id, sourceOf(adapter.id)])),
    shapes: [],
  };
  return { title: model.title, read: () => Promise.resolve(parts) };
}
