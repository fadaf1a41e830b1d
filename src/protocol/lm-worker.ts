/** What the worker of the local language model offers. */
import type { GenerateEvent, GenerateRequest } from './language-model';
import type { OnProgress } from './retrieval';

export type ComputeDevice = 'webgpu' | 'cpu';

export interface LoadLocalModelRequest {
  /** Where `registry.json` and the model folders are; absolute. */
  modelsUrl: string;
  id: string;
  /** `auto`: WebGPU where there is an adapter, else the CPU. Default `auto`. */
  device?: ComputeDevice | 'auto';
  /** Positions of the KV cache. */
  maxContext?: number;
}

export interface LocalModelInfo {
  id: string;
  title: string;
  device: ComputeDevice;
  /** For people: the adapter, or `CPU (TypeScript)`. */
  deviceName: string;
  /** Why it does not run on WebGPU, for people. */
  reason?: string;
  maxContext: number;
  /** Weights, cache and activations. */
  liveBytes: number;
}

export interface LmWorkerApi {
  /** Loads a model, or does nothing if it is loaded already; another one is unloaded first. Pass `onProgress` through `proxy`. */
  load(
    request: LoadLocalModelRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<LocalModelInfo>;
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  countTokens(texts: readonly string[]): Promise<number[]>;
  unload(): Promise<void>;
}
