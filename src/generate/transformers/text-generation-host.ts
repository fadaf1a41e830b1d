import type { EncoderPlatform } from '../../protocol/encoder';
import { AppError, throwIfAborted, toEnvelope } from '../../protocol/errors';
import type { GenerateEvent, GenerateRequest } from '../../protocol/language-model';
import type { OnProgress } from '../../protocol/retrieval';
import type {
  TextGenerationDownload,
  TextGenerationInfo,
  TextGenerationRequest,
  TextGenerationWorkerApi,
} from '../../protocol/text-generation-worker';
import { unlessAborted } from '../../retrieval/encoder/library';
import {
  loadTextGeneration,
  measureTextGeneration,
  type LoadedTextGeneration,
  type LoadTextGenerationOptions,
} from './load-model';

/** Requests for the same model have the same key. */
const keyOf = ({ id, revision, dtype, device, hub, maxContext }: TextGenerationRequest): string =>
  JSON.stringify([id, revision ?? 'main', dtype ?? '', device ?? 'auto', hub ?? '', maxContext ?? 0]);

/** One model at a time. What the worker of text generation exposes. */
export class TextGenerationHost implements TextGenerationWorkerApi {
  readonly #platform: EncoderPlatform;
  readonly #options: Pick<LoadTextGenerationOptions, 'stallMs'>;
  #opened: (LoadedTextGeneration & { key: string }) | undefined;
  /** Loads and unloads follow one another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(platform: EncoderPlatform, options: Pick<LoadTextGenerationOptions, 'stallMs'> = {}) {
    this.#platform = platform;
    this.#options = options;
  }

  measure(request: TextGenerationRequest, signal?: AbortSignal): Promise<TextGenerationDownload> {
    return measureTextGeneration(request, this.#platform, { signal });
  }

  load(
    request: TextGenerationRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<TextGenerationInfo> {
    const work = this.#enqueue(async () => {
      throwIfAborted(signal);
      const key = keyOf(request);
      if (this.#opened?.key === key) return this.#opened.info;
      await this.#close();
      const loaded = await loadTextGeneration(request, this.#platform, {
        ...this.#options,
        ...{ onProgress, signal },
      });
      this.#opened = { ...loaded, key };
      return loaded.info;
    });
    // The runtime cannot be stopped while it builds a session: the caller is let go, and the next load waits.
    return unlessAborted(work, signal);
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    const opened = this.#require();
    try {
      yield* opened.model.generate(request, signal);
    } catch (error) {
      // What runs on a device that is gone cannot be saved; the next `load` starts anew.
      if (toEnvelope(error).code === 'DEVICE_LOST' && this.#opened === opened) await this.unload();
      throw error;
    }
  }

  async countTokens(texts: readonly string[]): Promise<number[]> {
    return this.#require().model.countTokens(texts);
  }

  unload(): Promise<void> {
    return this.#enqueue(() => this.#close());
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined); // The caller hears of it; the next load is not to.
    return result;
  }

  #require(): LoadedTextGeneration {
    if (this.#opened) return this.#opened;
    throw new AppError('INTERNAL', 'No model is loaded.', {
      fix: 'Load a model and try again.',
      recoverable: true,
    });
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.dispose();
  }
}
