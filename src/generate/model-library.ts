/** The models of this device: imports into the store, and what the pages ask of it. What the worker of the models exposes. */
import { FilesSource } from '../lm/import/files-source';
import { HubSource } from '../lm/import/hub-source';
import { importModel, planImport } from '../lm/import/import-model';
import type { ModelSource } from '../lm/import/model-source';
import type { Clock, Fetch } from '../protocol/clock';
import type { StorageEstimate } from '../protocol/corpus';
import { AppError, throwIfAborted } from '../protocol/errors';
import { originOf, titleOf } from '../protocol/model-ids';
import type { ImportProgress, ImportSummary } from '../protocol/model-import';
import type {
  AddAdapterRequest,
  ImportModelRequest,
  ListedModel,
  ModelDraft,
  ModelLibraryApi,
  ModelStore,
  StoredModel,
  StoredModelSettings,
} from '../protocol/model-library';
import type {
  ExportModelRequest,
  ExportTarget,
  ExportTargetRequest,
  ModelExport,
} from '../protocol/model-export';
import type { OnProgress } from '../protocol/retrieval';
import { sha256Hex } from '../retrieval/sha256';
import { adapterFiles } from './adapter-files';
import { exportStored } from './model-export';

export interface ModelLibraryTools {
  /** Throws `UNSUPPORTED` where the browser keeps no files. */
  store: () => ModelStore;
  fetch: Fetch;
  clock: Clock;
  /** Where exports are written. */
  exportTo: (request: ExportTargetRequest) => Promise<ExportTarget>;
}

export class ModelLibrary implements ModelLibraryApi {
  readonly #tools: ModelLibraryTools;
  #store: ModelStore | undefined;

  constructor(tools: ModelLibraryTools) {
    this.#tools = tools;
  }

  get #models(): ModelStore {
    if (this.#store) return this.#store;
    const store = this.#tools.store();
    this.#store = store;
    // What a crash left and nothing knows of; nobody waits for it.
    void store.sweep().catch(() => undefined);
    return store;
  }

  async listModels(): Promise<ListedModel[]> {
    return this.#models.list();
  }

  async inspectModel(request: Omit<ImportModelRequest, 'id'>, signal?: AbortSignal): Promise<ImportSummary> {
    throwIfAborted(signal);
    return planImport({
      source: this.#source(request.from),
      ...(request.weights && { weights: request.weights }),
      ...(signal && { signal }),
    });
  }

  async importModel(
    request: ImportModelRequest,
    onProgress?: (progress: ImportProgress) => void,
    signal?: AbortSignal,
  ): Promise<StoredModel> {
    throwIfAborted(signal);
    const store = this.#models;
    const { from, weights } = request;
    const summary = await this.inspectModel(request, signal);
    const origin = originOf(from);
    const draft: ModelDraft = {
      ...{ id: request.id, name: titleOf(origin), origin },
      weights: weights ?? 'as stored',
      neededBytes: summary.packBytes,
    };
    return store.fill(draft, async (sink, note) => {
      const report = await importModel({
        source: this.#source(from),
        sink,
        ...(weights && { weights }),
        ...(signal && { signal }),
        onProgress: (progress) => {
          note(progress);
          onProgress?.(progress);
        },
      });
      return { report, config: await configOf(() => sink.read('pack.json')) };
    });
  }

  async addAdapter(request: AddAdapterRequest, signal?: AbortSignal): Promise<StoredModel> {
    const { config } = await this.#models.get(request.model);
    const source = this.#source(request.from);
    const { files, shape } = await adapterFiles(source, config, signal);
    return this.#models.addAdapter(request.model, titleOf(originOf(request.from)), files, shape);
  }

  async removeAdapter(model: string, adapter: string): Promise<StoredModel> {
    return this.#models.removeAdapter(model, adapter);
  }

  async exportModel(
    request: ExportModelRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<ModelExport> {
    throwIfAborted(signal);
    const { exportTo: target } = this.#tools;
    return exportStored(request, { store: this.#models, sha256: sha256Hex, target }, onProgress, signal);
  }

  async changeModel(
    id: string,
    change: { name?: string; settings?: StoredModelSettings },
  ): Promise<StoredModel> {
    return this.#models.change(id, change);
  }

  async deleteModel(id: string): Promise<void> {
    return this.#models.remove(id);
  }

  async estimate(): Promise<StorageEstimate> {
    return this.#models.estimate();
  }

  #source(from: ImportModelRequest['from']): ModelSource {
    if (from.kind === 'files') {
      return new FilesSource(from.name, new Map(from.files.map(({ path, file }) => [path, file])));
    }
    const { hub, repository, revision, token } = from;
    const { fetch, clock } = this.#tools;
    return new HubSource({ ...{ hub, repository, revision, fetch, clock }, ...(token && { token }) });
  }
}

/** The architecture, out of the manifest that the importer has just written. */
async function configOf(read: () => Promise<Uint8Array | null>): Promise<unknown> {
  const bytes = await read();
  const pack: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes));
  if (typeof pack === 'object' && pack !== null && 'config' in pack) return pack.config;
  throw new AppError('INTERNAL', 'The manifest of the import names no architecture.');
}
