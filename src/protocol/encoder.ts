/** What an encoder needs from where it runs, and what the worker that holds encoders offers. */
import type * as Transformers from '@huggingface/transformers';
import type { Clock, Fetch } from './clock';
import type { EncoderDevice, EncoderDtype, EncoderIdentity, EncoderInfo } from './corpus';
import type { OnProgress, Passage } from './retrieval';

export type TransformersLibrary = typeof Transformers;

/** The place an encoder runs in: the browser's worker, or Node. */
export interface EncoderPlatform {
  /** Imports the library with an ONNX Runtime that finds its WebAssembly. */
  importLibrary(): Promise<TransformersLibrary>;
  /**
   * `null` where WebGPU is of use, else why not, for people. A software adapter is slower than WASM, so it is of use
   * only where WebGPU is `insisted` on.
   */
  refuseWebGpu(insisted: boolean): Promise<string | null>;
  /** How the library must be asked for WASM. */
  wasm: { device: 'wasm' | 'auto'; executionProviders?: string[] };
  /** Where the models that come with the project lie: an http address or a folder, with a slash at the end. */
  localModels: string;
  /** Folder for downloads where there is no browser cache. */
  cacheDir?: string;
  fetch: Fetch;
  clock: Clock;
}

/** An encoder that can be chosen. */
export interface EncoderOption {
  id: string;
  name: string;
  note: string;
  /** What it is downloaded from; `null` for what comes with the project. */
  repository: string | null;
  revision: string;
  dimensions: number;
  dtype: EncoderDtype;
  /** Nominal size of the download. */
  bytes: number;
}

export interface EncoderRequest {
  /** An id of the catalogue, or any `owner/name` with an ONNX model on the hub. */
  id: string;
  revision?: string;
  dtype?: EncoderDtype;
  /** Address of the hub, or of a mirror of it. Default: `https://huggingface.co`. */
  hub?: string;
  /** `auto`: WebGPU where it is of use, WASM otherwise. */
  device?: EncoderDevice | 'auto';
}

export interface EncoderDownload {
  files: { name: string; bytes: number }[];
  totalBytes: number;
}

/** What the encoder worker offers. An encoder is named by its request; loading one twice is cheap. */
export interface EncoderServiceApi {
  options(): Promise<EncoderOption[]>;
  /** Asks the hub for the sizes, before anything is downloaded. */
  measure(request: EncoderRequest, signal?: AbortSignal): Promise<EncoderDownload>;
  load(request: EncoderRequest, onProgress?: OnProgress, signal?: AbortSignal): Promise<EncoderInfo>;
  embedQueries(
    request: EncoderRequest,
    texts: readonly string[],
    signal?: AbortSignal,
  ): Promise<Float32Array[]>;
  embedPassages(
    request: EncoderRequest,
    passages: readonly Passage[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Float32Array[]>;
}

/** The request that loads the encoder of stored vectors again. */
export const requestOf = ({ model, revision, dtype }: EncoderIdentity): EncoderRequest => ({
  id: model,
  revision,
  dtype,
});

export const sameEncoder = (a: EncoderIdentity, b: EncoderIdentity): boolean =>
  a.model === b.model && a.revision === b.revision && a.dimensions === b.dimensions && a.dtype === b.dtype;
