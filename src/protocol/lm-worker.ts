/** What the worker of the local language model offers. */
import type { ErrorEnvelope } from './errors';
import type { GenerateEvent, GenerateRequest } from './language-model';
import type { WeightType } from './model-import';
import type { ModelReference } from './model-library';
import type { OnProgress } from './retrieval';

export type ComputeDevice = 'webgpu' | 'cpu';

export interface LoadLocalModelRequest {
  /** Where `registry.json` and the model folders are; absolute. */
  modelsUrl: string;
  model: ModelReference;
  /** `auto`: WebGPU where there is an adapter, else the CPU. Default `auto`. */
  device?: ComputeDevice | 'auto';
  /** How the matrices lie in memory. Default: as they are stored. */
  weights?: WeightType;
  /** Positions of the KV cache. */
  maxContext?: number;
  /** Sequences decoded side by side. */
  slots?: number;
}

export interface LocalModelInfo {
  id: string;
  title: string;
  device: ComputeDevice;
  /** For people: the adapter, or `CPU (WASM SIMD)`. */
  deviceName: string;
  /** Why it does not run on WebGPU, for people. */
  reason?: string;
  maxContext: number;
  /** Of the linear layers, as they lie in memory. */
  weights: WeightType;
  /** Weights, cache and activations. */
  liveBytes: number;
  /** Ids of the adapters that are resident and can be asked for. */
  adapters: string[];
}

/** What happens to a loaded model without being asked for. */
export type LmWorkerEvent =
  | { type: 'device lost'; message: string }
  /** Attempt `attempt` of `of` to load it again begins in `waitMs`. */
  | { type: 'rebuilding'; attempt: number; of: number; waitMs: number }
  | { type: 'rebuilt'; info: LocalModelInfo }
  | { type: 'gave up'; error: ErrorEnvelope };

export interface LmWorkerApi {
  /**
   * Loads a model, or does nothing if it is loaded already; another one is unloaded first. Pass `onProgress` through `proxy`. A device that
   * is lost on the way is opened again, a bounded number of times.
   * @throws AppError among others OUT_OF_MEMORY, with `smallerContext`, `smallerSlots`, `smallerWeights` and `smallerBytes` in its
   *   context where a smaller setting may fit
   */
  load(
    request: LoadLocalModelRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<LocalModelInfo>;
  /** Where the device is lost in the middle, the model is loaded again and the text goes on where it was. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  countTokens(texts: readonly string[]): Promise<number[]>;
  /** Frees everything. */
  unload(): Promise<void>;
  /** From now on the listener hears what happens. Pass it through `proxy`. */
  watch(listener: (event: LmWorkerEvent) => void): Promise<void>;
}
