import { throwIfAborted } from '../../protocol/errors';
import type { Hit, OnProgress, Passage, Retriever } from '../../protocol/retrieval';
import { requireTopK, toHits } from '../hits';
import { toIndexedText, type PassageList } from '../passage-text';
import { createPauser } from '../yielding';
import { Bm25Builder, type Bm25Index, type Bm25Parameters } from './bm25-index';

/** Lexical search over one corpus. */
export class Bm25Retriever implements Retriever {
  readonly mode = 'bm25';
  readonly #index: Bm25Index;
  readonly #passages: PassageList;

  constructor(index: Bm25Index, passages: PassageList) {
    this.#index = index;
    this.#passages = passages;
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    requireTopK(topK);
    throwIfAborted(signal);
    const pause = createPauser(signal);
    const results: Hit[][] = [];
    for (const query of queries) {
      results.push(toHits(this.#index.search(query, topK), this.#passages));
      await pause();
    }
    return results;
  }
}

/** Indexes passages as title and text in one field. */
export async function buildBm25(
  passages: Iterable<Passage> & { readonly length: number },
  options: { parameters?: Bm25Parameters; onProgress?: OnProgress; signal?: AbortSignal } = {},
): Promise<Bm25Index> {
  throwIfAborted(options.signal);
  const builder = new Bm25Builder(options.parameters);
  const pause = createPauser(options.signal);
  const total = passages.length;
  let done = 0;
  for (const passage of passages) {
    builder.add(toIndexedText(passage));
    done++;
    const pausing = pause();
    if (pausing) {
      options.onProgress?.({ done, total, unit: 'passages', label: 'Indexing words' });
      await pausing;
    }
  }
  options.onProgress?.({ done, total, unit: 'passages', label: 'Indexing words' });
  return builder.build();
}
