/** What the worker of `@huggingface/transformers` models offers: any text-generation ONNX model of the hub as a local generator. */
import type { GenerateEvent, GenerateRequest } from './language-model';
import type { OnProgress } from './retrieval';

/** Types of weights as the library names them; each is another file of the repository. */
export const TEXT_GENERATION_DTYPES = ['q4', 'q4f16', 'q8', 'int8', 'uint8', 'bnb4', 'fp16', 'fp32'] as const;
export type TextGenerationDtype = (typeof TEXT_GENERATION_DTYPES)[number];

export type TextGenerationDevice = 'webgpu' | 'wasm';

export interface TextGenerationRequest {
  /** `owner/name` of a repository with `onnx/model….onnx`. */
  id: string;
  /** Branch, tag or commit. Default `main`. */
  revision?: string;
  /** Default: of what the repository has, the one that suits the device. */
  dtype?: TextGenerationDtype;
  /** `auto` (default): WebGPU where it is of use, WASM otherwise. */
  device?: TextGenerationDevice | 'auto';
  /** Address of the hub, or of a mirror of it. Default: `https://huggingface.co`. */
  hub?: string;
  /** Most tokens of prompt and answer together. Default: what the model was made for, at most 8192. */
  maxContext?: number;
}

export interface TextGenerationInfo {
  id: string;
  revision: string;
  dtype: TextGenerationDtype;
  device: TextGenerationDevice;
  /** Why it does not run on WebGPU, for people. */
  reason?: string;
  maxContext: number;
  /** Whether it has a chat template; without one it continues raw prompts only. */
  chat: boolean;
}

export interface TextGenerationDownload {
  /** What `load` would take. */
  dtype: TextGenerationDtype;
  files: { name: string; bytes: number }[];
  totalBytes: number;
}

/** One model at a time; loading the same one again is cheap, loading another unloads the one before. */
export interface TextGenerationWorkerApi {
  /**
   * Asks the hub for the sizes, before anything is downloaded.
   * @throws AppError BAD_INPUT, NOT_FOUND, NETWORK, AUTH, RATE_LIMITED, ABORTED
   */
  measure(request: TextGenerationRequest, signal?: AbortSignal): Promise<TextGenerationDownload>;
  /**
   * Progress counts the bytes of one file at a time; `label` is its name. What is complete stays in the browser's cache.
   * @throws AppError those of `measure`, and UNSUPPORTED, BAD_RESPONSE, INTEGRITY, TIMEOUT, OUT_OF_MEMORY, DEVICE_LOST
   */
  load(
    request: TextGenerationRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<TextGenerationInfo>;
  /**
   * Everything that a `GenerateRequest` asks for, seed and log-probabilities included: tokens are sampled by the project's own
   * sampler. Calls run one after another.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  countTokens(texts: readonly string[]): Promise<number[]>;
  unload(): Promise<void>;
}
