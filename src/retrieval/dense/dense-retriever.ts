import type { VectorSearchSettings } from '../../protocol/corpus';
import { throwIfAborted } from '../../protocol/errors';
import type { Encoder, Hit, HybridSettings } from '../../protocol/retrieval';
import { fetchHits, requireTopK, type RowRetriever } from '../hits';
import type { PassageSource } from '../passage-text';
import type { TopK } from '../top-k';
import type { DenseIndex } from './dense-index';

export interface DenseRetrieverOptions {
  /** What answers, for traces. */
  describe?: (settings: Partial<VectorSearchSettings>) => string;
  settings?: Partial<VectorSearchSettings>;
}

/** Dense search over one corpus: embeds the queries, then scans. */
export class DenseRetriever implements RowRetriever {
  readonly mode = 'dense';
  readonly #index: DenseIndex;
  readonly #encoder: Pick<Encoder, 'embedQueries'>;
  readonly #passages: PassageSource;
  readonly #options: DenseRetrieverOptions;

  constructor(
    index: DenseIndex,
    encoder: Pick<Encoder, 'embedQueries'>,
    passages: PassageSource,
    options: DenseRetrieverOptions = {},
  ) {
    this.#index = index;
    this.#encoder = encoder;
    this.#passages = passages;
    this.#options = options;
  }

  get how(): string | undefined {
    const { describe, settings } = this.#options;
    return describe?.(settings ?? {});
  }

  /** The same index, searched otherwise. */
  tuned(_hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): DenseRetriever {
    const options = { ...this.#options, settings: { ...this.#options.settings, ...vectors } };
    return new DenseRetriever(this.#index, this.#encoder, this.#passages, options);
  }

  async searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    requireTopK(topK);
    throwIfAborted(signal);
    if (queries.length === 0) return [];
    const vectors = await this.#encoder.embedQueries(queries, signal);
    return this.#index.search(vectors, topK, signal, this.#options.settings);
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    const results = await this.searchRows(queries, topK, signal);
    return fetchHits(results, this.#passages, signal);
  }
}
