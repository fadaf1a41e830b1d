/** The language models that a user has brought to this device, and what the worker that keeps them offers. */
import type { ImportFile, StorageEstimate } from './corpus';
import type { ExportModelRequest, ModelExport } from './model-export';
import type { OnProgress } from './retrieval';
import type {
  FileEntry,
  FileSink,
  ImportProgress,
  ImportReport,
  ImportSummary,
  WeightType,
} from './model-import';

/** A model by name: one that comes with the page, or one that is stored on this device. */
export interface ModelReference {
  kind: 'embedded' | 'stored';
  id: string;
}

/** Where a stored model came from, as far as it is needed to go on with an interrupted import. A token is never kept. */
export type StoredOrigin =
  | {
      kind: 'hub';
      /** `https://huggingface.co`, or a mirror's address. */
      hub: string;
      repository: string;
      /** Branch, tag or commit that was asked for. */
      revision: string;
    }
  | {
      kind: 'files';
      /** Of the folder or file that was dropped. */
      name: string;
    };

/** Which low-rank products an adapter brings, without their numbers; memory is planned by it. */
export interface AdapterShape {
  rankStabilised: boolean;
  pairs: { layer: number; module: string; rank: number; alpha: number }[];
}

/** A PEFT adapter beside its model. */
export interface StoredAdapter {
  id: string;
  name: string;
  /** Of its files together. */
  bytes: number;
  /** ISO 8601. */
  createdAt: string;
  /** Absent in records that were written before it was kept. */
  shape?: AdapterShape;
}

/** How a stored model is loaded unless a load says otherwise. */
export interface StoredModelSettings {
  /** Positions of the KV cache. */
  maxContext?: number;
  /** Sequences decoded side by side. */
  slots?: number;
  /** How the matrices lie in memory. Default: as they are stored. */
  weights?: WeightType;
}

export interface StoredModel {
  /** A folder's name, and what settings and links call it. */
  id: string;
  /** For people; can be changed. */
  name: string;
  origin: StoredOrigin;
  /** ISO 8601: when the import began. */
  createdAt: string;
  /** `paused`: an interrupted import, of which `progress` says how far it came. */
  state: 'ready' | 'paused';
  weights: WeightType | 'as stored';
  /** Of the stored files, adapters excepted; of a paused one, what it has stored so far. */
  bytes: number;
  /** In bytes of the source; null before the first shard. */
  progress: { done: number; total: number } | null;
  /** Null while paused. */
  report: ImportReport | null;
  /** Parsed `config.json`; null while paused. */
  config: unknown;
  settings: StoredModelSettings;
  adapters: StoredAdapter[];
}

/** A model of the list: `busy` while an import into it is under way, in this tab or another. */
export interface ListedModel extends StoredModel {
  busy: boolean;
}

export interface ModelDraft {
  id: string;
  name: string;
  origin: StoredOrigin;
  weights: WeightType | 'as stored';
  /** What the import will store. */
  neededBytes: number;
}

/** What `fill` is told when the model is complete. */
export interface FilledModel {
  report: ImportReport;
  config: unknown;
}

/** Durable models, each in a folder of its own. The record is written first as `paused`, and as `ready` when `pack.json` is there. */
export interface ModelStore {
  /** Oldest first. */
  list(): Promise<ListedModel[]>;
  /** @throws AppError NOT_FOUND */
  get(id: string): Promise<StoredModel>;
  /**
   * Lets `work` fill a model's folder while nobody else may. An error or an abort leaves what is complete, as `paused`; only when the
   * browser gives no more room everything of it is removed.
   * @throws AppError BUSY where another tab is at it, STORAGE_FULL, and what `work` throws
   */
  fill(
    draft: ModelDraft,
    work: (sink: FileSink, note: (progress: ImportProgress) => void) => Promise<FilledModel>,
  ): Promise<StoredModel>;
  files(id: string): Promise<FileEntry[]>;
  /** A file of a model's folder, to be read in ranges; null where there is none. */
  open(id: string, path: string): Promise<Blob | null>;
  /** @throws AppError NOT_FOUND, BAD_INPUT */
  change(id: string, change: { name?: string; settings?: StoredModelSettings }): Promise<StoredModel>;
  /** Adds a PEFT adapter: its files lie under `adapters/<id>/`. */
  addAdapter(
    id: string,
    name: string,
    files: ReadonlyMap<string, Blob>,
    shape?: AdapterShape,
  ): Promise<StoredModel>;
  removeAdapter(id: string, adapter: string): Promise<StoredModel>;
  /** Frees everything of a model. What is not there is no error. @throws AppError BUSY */
  remove(id: string): Promise<void>;
  /** Removes folders without a record; returns how many. */
  sweep(): Promise<number>;
  estimate(): Promise<StorageEstimate>;
}

/** Which model is to be imported, and how. */
export interface ImportModelRequest {
  /** As `idFor` gives it; a paused import of this id goes on. */
  id: string;
  from:
    | { kind: 'hub'; hub: string; repository: string; revision: string; token?: string }
    /** A folder in the hub's layout, a GGUF file, or a pack. */
    | { kind: 'files'; name: string; files: ImportFile[] };
  /** Default: as stored where the source is quantised, else `q4`. */
  weights?: WeightType;
}

export interface AddAdapterRequest {
  model: string;
  from:
    | { kind: 'hub'; hub: string; repository: string; revision: string; token?: string }
    | { kind: 'files'; name: string; files: ImportFile[] };
}

/** What the worker of the models offers. Signals and callbacks are arguments of their own, so that they cross to a worker. */
export interface ModelLibraryApi {
  listModels(): Promise<ListedModel[]>;
  /** What an import would transfer and store; reads tables, no weights. */
  inspectModel(request: Omit<ImportModelRequest, 'id'>, signal?: AbortSignal): Promise<ImportSummary>;
  /**
   * Imports a model, or goes on with the paused import of the same one. An abort pauses: what is complete stays, until
   * `deleteModel`.
   */
  importModel(
    request: ImportModelRequest,
    onProgress?: (progress: ImportProgress) => void,
    signal?: AbortSignal,
  ): Promise<StoredModel>;
  addAdapter(request: AddAdapterRequest, signal?: AbortSignal): Promise<StoredModel>;
  removeAdapter(model: string, adapter: string): Promise<StoredModel>;
  changeModel(id: string, change: { name?: string; settings?: StoredModelSettings }): Promise<StoredModel>;
  /** Writes a model out, whole or as an adapter alone. After an error or an abort nothing of it stays. */
  exportModel(
    request: ExportModelRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<ModelExport>;
  deleteModel(id: string): Promise<void>;
  estimate(): Promise<StorageEstimate>;
}
