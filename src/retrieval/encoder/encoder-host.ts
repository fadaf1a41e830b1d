import { throwIfAborted } from '../../protocol/errors';
import type { EncoderInfo } from '../../protocol/corpus';
import type {
  EncoderDownload,
  EncoderOption,
  EncoderPlatform,
  EncoderRequest,
  EncoderServiceApi,
} from '../../protocol/encoder';
import type { OnProgress, Passage } from '../../protocol/retrieval';
import { ENCODERS, resolveEncoder } from './catalog';
import type { E5Encoder } from './e5-encoder';
import { unlessAborted } from './library';
import { loadEncoder, measureEncoder, type LoadOptions } from './load-encoder';

/** Encoders kept in memory: that of the corpus at hand and one more. */
const KEPT = 2;

/** Holds the encoders of one worker; loads one after another, drops the one used longest ago. */
export class EncoderHost implements EncoderServiceApi {
  readonly #platform: EncoderPlatform;
  readonly #options: Pick<LoadOptions, 'remoteHost' | 'stallMs'>;
  /** In order of last use. */
  readonly #loaded = new Map<string, E5Encoder>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(platform: EncoderPlatform, options: Pick<LoadOptions, 'remoteHost' | 'stallMs'> = {}) {
    this.#platform = platform;
    this.#options = options;
  }

  options(): Promise<EncoderOption[]> {
    return Promise.resolve([...ENCODERS]);
  }

  measure(request: EncoderRequest, signal?: AbortSignal): Promise<EncoderDownload> {
    return measureEncoder(request, this.#platform, { ...this.#options, signal });
  }

  async load(request: EncoderRequest, onProgress?: OnProgress, signal?: AbortSignal): Promise<EncoderInfo> {
    return (await this.#get(request, onProgress, signal)).info;
  }

  async embedQueries(
    request: EncoderRequest,
    texts: readonly string[],
    signal?: AbortSignal,
  ): Promise<Float32Array[]> {
    return (await this.#get(request, undefined, signal)).embedQueries(texts, signal);
  }

  async embedPassages(
    request: EncoderRequest,
    passages: readonly Passage[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Float32Array[]> {
    const encoder = await this.#get(request, onProgress, signal);
    return encoder.embedPassages(passages, onProgress, signal);
  }

  #get(request: EncoderRequest, onProgress?: OnProgress, signal?: AbortSignal): Promise<E5Encoder> {
    const work = this.#queue.then(async () => {
      throwIfAborted(signal);
      const spec = resolveEncoder(request);
      const key = JSON.stringify([
        spec.id,
        spec.revision,
        spec.dtype,
        request.device ?? 'auto',
        request.hub ?? '',
      ]);
      const loaded =
        this.#loaded.get(key) ??
        (await loadEncoder(request, this.#platform, { ...this.#options, onProgress, signal }));
      this.#loaded.delete(key);
      this.#loaded.set(key, loaded);
      const [oldest] = this.#loaded;
      if (this.#loaded.size > KEPT && oldest) {
        this.#loaded.delete(oldest[0]);
        await oldest[1].dispose();
      }
      return loaded;
    });
    this.#queue = work.catch(() => undefined); // The caller hears of it; the next load is not to.
    return unlessAborted(work, signal);
  }
}
