/** What the pages need of everything below them. The browser's is assembled in one place; tests hand in a scripted one. */
import type { EvaluationApi } from '../evaluation/evaluation-types';
import type {
  Chunking,
  CorpusLink,
  CorpusMap,
  CorpusSource,
  PassageChanges,
  RemoteLink,
  RepeatedRows,
  UnfinishedImport,
  VectorIndexKind,
  WordSettings,
} from '../protocol/corpus';
import type { ErrorEnvelope } from '../protocol/errors';
import type { PackSummary, RemoteReport, StagedPack } from '../protocol/linked-corpora';
import type { LmWorkerEvent, LocalModelInfo } from '../protocol/lm-worker';
import type { ModelLibraryApi, StoredModelSettings } from '../protocol/model-library';
import type { WeightType } from '../protocol/model-import';
import type { PublishedModel } from '../protocol/registry';
import type { Hit, Progress, RetrievalMode } from '../protocol/retrieval';
import type { TextGenerationDtype } from '../protocol/text-generation-worker';
import type { SystemId, TraceDelta, TraceEvent } from '../protocol/trace';
import type { TrainingApi } from '../train/worker-api';
import type { DeviceChoice, RunSettings } from './settings';
import type { TrainedModels } from './trained-models';

export interface DemoQuestion {
  question: string;
  answers: string[];
  goldIds: string[];
  hops: number;
}

export interface WebGpuReport {
  /** The adapter's own words for itself, or why there is none. */
  adapter: string;
  available: boolean;
  /** A software adapter, such as SwiftShader: works, slowly. */
  fallback: boolean;
  f16: boolean;
  subgroups: boolean;
  maxBufferBytes: number;
  maxBindingBytes: number;
}

export interface CapabilityReport {
  browser: string;
  webgpu: WebGpuReport;
  crossOriginIsolated: boolean;
  threads: number;
  opfs: boolean;
  locks: boolean;
  wakeLock: boolean;
  storage: StorageReport | null;
}

export interface StorageReport {
  usedBytes: number;
  quotaBytes: number;
  persisted: boolean;
}

export type Part = 'corpus' | 'encoder' | 'searcher' | 'generator';

/** One message of getting ready; the last of a part is `ready`. */
export interface LoadEvent {
  part: Part;
  phase: 'download' | 'read' | 'index' | 'compile' | 'ready';
  /** What is being loaded, for people. */
  name: string;
  /** Where it runs, with `ready`: "WebGPU", "WASM", "CPU", or an address. */
  device?: string;
  /** Why it runs there and not on something faster, with `ready`. */
  reason?: string;
  progress?: Progress;
  /** Of a model of this tab, with `ready`. */
  memory?: { weights: WeightType; bytes: number };
}

export interface CorpusEntry {
  id: string;
  name: string;
  passages: number;
  bytes: number;
  /** The encoder that made the vectors, for people; null where only BM25 can search. */
  encoder: string | null;
  createdAt: string;
  /** The demo corpus can be neither renamed nor deleted. */
  builtIn: boolean;
  /** Where it lies, where that is not here. */
  link?: CorpusLink;
  /** ISO 8601; absent where it has not been searched. */
  lastUsedAt?: string;
  /** How its vectors are searched; absent where it has none, or where they lie elsewhere. */
  index?: VectorIndexKind;
  /** What it was made of, where that is known. */
  sources?: readonly CorpusSource[];
  /** How texts were cut for it, where that is known. */
  chunking?: Chunking;
  /** Modes that are in memory at this moment. */
  open?: readonly RetrievalMode[];
  /** What they take there, in bytes; absent where it is not known. */
  memoryBytes?: number;
  /** What searches its vectors, for people: `WASM, 4 threads, int8`; absent before it does. */
  backend?: string;
  /** Why that. */
  backendReason?: string;
}

/** A pack that the page offers. */
export interface OfferedPack {
  name: string;
  note: string;
  url: string;
}

export interface SourceFile {
  /** Path within what was dropped: `notes/rivers.md`. */
  path: string;
  file: File;
}

/** A file, or a line of one, that was not taken, and why. */
export interface Refusal {
  path: string;
  line?: number;
  reason: string;
  fix?: string;
}

export interface ImportReport {
  entry: CorpusEntry;
  refusals: Refusal[];
  repeats?: RepeatedRows;
  /** Of an update. */
  changes?: PassageChanges;
}

export interface ImportRequest {
  name: string;
  files: SourceFile[];
  /** Registry or hub id; null = BM25 only. */
  encoder: string | null;
  chunking?: Chunking;
  words?: Partial<WordSettings>;
  /** Default: `exact`. */
  index?: VectorIndexKind;
  /** Whether ids that come again are numbered instead of refused. */
  numberRepeats?: boolean;
}

export interface UpdateRequest {
  files: SourceFile[];
  /** Whether passages that are not in the files stay. */
  add: boolean;
  chunking?: Chunking;
  numberRepeats?: boolean;
}

/** `pause` stops it once its files have been read, with what was done kept; `signal` with nothing left. */
type Watching = [onProgress: (p: Progress) => void, signal: AbortSignal, pause: AbortSignal];

export interface CorpusLibrary {
  list(): Promise<CorpusEntry[]>;
  import(request: ImportRequest, ...watching: Watching): Promise<ImportReport>;
  /** Imports that were paused, or cut short when their tab was closed. */
  unfinished(): Promise<UnfinishedImport[]>;
  /** Goes on where it was cut short. */
  resume(id: string, ...watching: Watching): Promise<ImportReport>;
  update(id: string, request: UpdateRequest, ...watching: Watching): Promise<ImportReport>;
  /** Another index over the vectors that it has. */
  buildIndex(
    id: string,
    kind: VectorIndexKind,
    onProgress: (p: Progress) => void,
    signal: AbortSignal,
    pause?: AbortSignal,
  ): Promise<CorpusEntry>;
  /** Its passages as points, to be drawn. */
  map(id: string, onProgress: (p: Progress) => void, signal: AbortSignal): Promise<CorpusMap>;
  discard(id: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** One query, for looking at what a corpus finds. */
  search(id: string, mode: RetrievalMode, query: string, topK: number, signal: AbortSignal): Promise<Hit[]>;
  /** Packs that can be opened in one click. */
  offered(): Promise<OfferedPack[]>;
  links: CorpusLinks;
}

/** Corpora that lie elsewhere, and packs. */
export interface CorpusLinks {
  look(address: string, signal: AbortSignal): Promise<PackSummary>;
  fetch(address: string, onProgress: (p: Progress) => void, signal: AbortSignal): Promise<CorpusEntry>;
  link(address: string, signal: AbortSignal): Promise<CorpusEntry>;
  staged(): Promise<StagedPack[]>;
  discard(hash: string): Promise<void>;
  /** An archive of the folder that a static host serves. */
  export(id: string, onProgress: (p: Progress) => void, signal: AbortSignal): Promise<Blob>;
  test(link: RemoteLink, key: string, signal: AbortSignal): Promise<RemoteReport>;
  connect(link: RemoteLink, key: string, signal: AbortSignal): Promise<CorpusEntry>;
  giveKey(url: string, key: string): Promise<void>;
}

export interface Endpoint {
  baseUrl: string;
  model: string;
  key: string;
}

/** The outcome of testing a connection, in words, with what to do. */
export interface ConnectionReport {
  ok: boolean;
  message: string;
  fix: string;
  models: string[];
}

export interface ModelOption {
  id: string;
  name: string;
  note: string;
  bytes: number;
  /** For a searcher: what it was trained with. */
  search?: { promptStyle: 'full' | 'compact'; documentsPerQuery: number };
  /** The protocol that it knows, where that is known. */
  trainedFor?: 'demo' | 's3' | 'search-r1' | 'deepretrieval' | 'general';
  licence?: string;
  /** Present where the user brought it to this device: how it is loaded. */
  stored?: StoredModelSettings;
  /** An ONNX model of the hub, which transformers.js runs; downloaded when it is first used. */
  onnx?: true;
}

/** What happens to the models in memory. */
export type RunnerEvent = LmWorkerEvent | { type: 'loaded'; info: LocalModelInfo } | { type: 'unloaded' };

/** Models in memory, apart from runs. */
export interface ModelRunner {
  /** Loads a model as a run would, and keeps it. */
  load(id: string, device: DeviceChoice, signal: AbortSignal): Promise<LocalModelInfo>;
  /** Frees it on every device. */
  unload(id: string): Promise<void>;
  watch(listener: (id: string, event: RunnerEvent) => void): void;
}

export interface OnnxModel {
  repository: string;
  revision: string;
  dtype: TextGenerationDtype;
  /** Of the download. */
  bytes: number;
}

/** ONNX models of the hub that may play a part: a list kept on this device. */
export interface OnnxLibrary {
  list(): OnnxModel[];
  /** Asks the hub what a model would be. */
  look(repository: string, revision: string, signal: AbortSignal): Promise<OnnxModel>;
  /** Gives the id by which settings name it. */
  add(model: OnnxModel): string;
  remove(id: string): void;
}

export interface RunRequest {
  system: SystemId;
  question: string;
  settings: RunSettings;
  goldAnswers?: string[];
  goldIds?: string[];
}

export interface Endpoints {
  searcher: Endpoint | null;
  generator: Endpoint | null;
}

export interface Laboratory {
  capabilities(): Promise<CapabilityReport>;
  /** Null where the browser does not say. */
  storage(): Promise<StorageReport | null>;
  /** Asks the browser to keep what is stored even when space is short. */
  persist(): Promise<boolean>;
  demoQuestions(signal?: AbortSignal): Promise<DemoQuestion[]>;
  /** Those of the page first, then those of this device. */
  models(): Promise<ModelOption[]>;
  /** Checkpoints that can be fetched from the hub. */
  published(): Promise<PublishedModel[]>;
  library: ModelLibraryApi;
  runner: ModelRunner;
  onnx: OnnxLibrary;
  encoders(): Promise<ModelOption[]>;
  corpora: CorpusLibrary;
  /** Where models are downloaded from, from now on: the Hugging Face hub or a mirror of it. */
  useHub(address: string): void;
  /** Loads what the runs need, of which each may have models of its own; what is loaded already is not loaded again. */
  prepare(
    runs: readonly Pick<RunRequest, 'system' | 'settings'>[],
    endpoints: Endpoints,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
  run(request: RunRequest, endpoints: Endpoints, signal: AbortSignal): AsyncIterable<TraceEvent | TraceDelta>;
  /** After the last of the runs that were prepared: their models may be unloaded to make room for others. */
  release(): void;
  /** What evaluates, fetched at the first call. `here`: what the page is set to, asked for at every run. */
  evaluations(
    here: () => { endpoints: Endpoints; device: DeviceChoice; hub: string },
  ): Promise<EvaluationApi>;
  testConnection(endpoint: Endpoint, signal: AbortSignal): Promise<ConnectionReport>;
  training: TrainingApi;
  /** How models of this device were trained, where that was here. */
  trained: TrainedModels;
  /** The recorded run that comes with the page, as a file to import; null where none does. */
  demoRun(): Promise<Blob>;
  /** Whether there is one. */
  hasDemoRun(): Promise<boolean>;
  /** Keeps the machine from falling asleep while a run is under way, where the browser can; each work says so by its own name. */
  keepAwake(on: boolean, by?: string): Promise<void>;
}

export type { ErrorEnvelope };
