import { throwIfAborted } from '../../protocol/errors';
import type { Hit, OnProgress, Passage } from '../../protocol/retrieval';
import { fetchHits, requireTopK, type RowRetriever } from '../hits';
import { toIndexedText, type PassageSource } from '../passage-text';
import type { TopK } from '../top-k';
import { createPauser } from '../yielding';
import { Bm25Builder, type Bm25Options } from './bm25-builder';
import { requireParameters, type Bm25Index, type Bm25Statistics } from './bm25-index';

/** Lexical search over one corpus. */
export class Bm25Retriever implements RowRetriever {
  readonly mode = 'bm25';
  readonly index: Bm25Index;
  readonly #passages: PassageSource;

  constructor(index: Bm25Index, passages: PassageSource) {
    this.index = index;
    this.#passages = passages;
  }

  /** `statistics`: of all that is searched together with this index. */
  async searchRows(
    queries: readonly string[],
    topK: number,
    signal?: AbortSignal,
    statistics?: Bm25Statistics,
  ): Promise<TopK[]> {
    requireTopK(topK);
    throwIfAborted(signal);
    const pause = createPauser(signal);
    const results: TopK[] = [];
    for (const query of queries) {
      results.push(this.index.search(query, topK, statistics));
      await pause();
    }
    return results;
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    const results = await this.searchRows(queries, topK, signal);
    return fetchHits(results, this.#passages, signal);
  }
}

/** All in memory, or some at a time. */
type ManyPassages = { readonly length: number } & (
  Iterable<Passage> | { batches(signal?: AbortSignal): AsyncIterable<Iterable<Passage>> }
);

/** Indexes passages as title and text in one field. */
export async function buildBm25(
  passages: ManyPassages,
  options: Bm25Options & { onProgress?: OnProgress | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Bm25Index> {
  throwIfAborted(options.signal);
  if (options.parameters) requireParameters(options.parameters);
  const builder = new Bm25Builder(options);
  const pause = createPauser(options.signal);
  const total = passages.length;
  let done = 0;
  for await (const batch of 'batches' in passages ? passages.batches(options.signal) : [passages]) {
    for (const passage of batch) {
      builder.add(toIndexedText(passage));
      done++;
      const pausing = pause();
      if (pausing) {
        options.onProgress?.({ done, total, unit: 'passages', label: 'Indexing words' });
        await pausing;
      }
    }
  }
  options.onProgress?.({ done, total, unit: 'passages', label: 'Indexing words' });
  return builder.build();
}
