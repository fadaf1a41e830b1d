import { throwIfAborted } from '../../protocol/errors';
import type { Encoder, Hit } from '../../protocol/retrieval';
import { requireTopK, toHits, type RowRetriever } from '../hits';
import type { PassageList } from '../passage-text';
import type { TopK } from '../top-k';
import type { DenseIndex } from './dense-index';

/** Dense search over one corpus: embeds the queries, then scans. */
export class DenseRetriever implements RowRetriever {
  readonly mode = 'dense';
  readonly #index: DenseIndex;
  readonly #encoder: Pick<Encoder, 'embedQueries'>;
  readonly #passages: PassageList;

  constructor(index: DenseIndex, encoder: Pick<Encoder, 'embedQueries'>, passages: PassageList) {
    this.#index = index;
    this.#encoder = encoder;
    this.#passages = passages;
  }

  async searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    requireTopK(topK);
    throwIfAborted(signal);
    if (queries.length === 0) return [];
    return this.#index.search(await this.#encoder.embedQueries(queries, signal), topK, signal);
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    const results = await this.searchRows(queries, topK, signal);
    return results.map((result) => toHits(result, this.#passages));
  }
}
