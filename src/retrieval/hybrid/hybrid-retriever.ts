/** Search by meaning and by words at once: the two rankings fused by their ranks. */
import type { VectorSearchSettings } from '../../protocol/corpus';
import { throwIfAborted } from '../../protocol/errors';
import {
  DEFAULT_HYBRID,
  type Hit,
  type HybridSettings,
  type RetrievalMode,
  type Retriever,
} from '../../protocol/retrieval';
import { fetchHits, requireTopK, type RowRetriever } from '../hits';
import type { PassageSource } from '../passage-text';
import type { TopK } from '../top-k';
import { fuseRankings, requireFusion } from './reciprocal-rank';

export const hybridSettings = (given: Partial<HybridSettings> = {}): HybridSettings => {
  const settings = { ...DEFAULT_HYBRID, ...given };
  requireFusion(settings.k, [settings.dense, settings.bm25]);
  requireTopK(settings.depth);
  return settings;
};

/** Rows of one corpus by two rankings of it; equal scores go to the lower row. */
export function fuseRows(
  dense: TopK,
  bm25: TopK,
  topK: number,
  settings: HybridSettings = DEFAULT_HYBRID,
): TopK {
  const fused = fuseRankings(
    [
      { keys: dense.rows, weight: settings.dense },
      { keys: bm25.rows, weight: settings.bm25 },
    ],
    settings.k,
    (a, b) => a - b,
  ).slice(0, topK);
  return {
    rows: Uint32Array.from(fused, ({ key }) => key),
    scores: Float64Array.from(fused, ({ score }) => score),
  };
}

/** Both rankings of one corpus. A search for more than `depth` results looks as deep in both. */
export class HybridRetriever implements RowRetriever {
  readonly mode = 'hybrid';
  readonly #dense: RowRetriever;
  readonly #bm25: RowRetriever;
  readonly #passages: PassageSource;
  readonly #settings: HybridSettings;

  constructor(
    dense: RowRetriever,
    bm25: RowRetriever,
    passages: PassageSource,
    settings: Partial<HybridSettings> = {},
  ) {
    this.#dense = dense;
    this.#bm25 = bm25;
    this.#passages = passages;
    this.#settings = hybridSettings(settings);
  }

  get how(): string | undefined {
    return this.#dense.how;
  }

  /** The same corpus with another k or other weights, and its vectors searched otherwise. */
  tuned(hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): HybridRetriever {
    const dense = this.#dense.tuned?.({}, vectors) ?? this.#dense;
    return new HybridRetriever(dense, this.#bm25, this.#passages, { ...this.#settings, ...hybrid });
  }

  async searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    requireTopK(topK);
    throwIfAborted(signal);
    const depth = Math.max(topK, this.#settings.depth);
    // The encoder runs in a worker of its own: words are searched in the meantime.
    const [dense, bm25] = await Promise.all([
      this.#dense.searchRows(queries, depth, signal),
      this.#bm25.searchRows(queries, depth, signal),
    ]);
    const none: TopK = { rows: new Uint32Array(), scores: new Float64Array() };
    return queries.map((_, i) => fuseRows(dense[i] ?? none, bm25[i] ?? none, topK, this.#settings));
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    const results = await this.searchRows(queries, topK, signal);
    return fetchHits(results, this.#passages, signal);
  }
}

/**
 * Any retrievers over the same passages, as of remote services, fused by the passages' ids. Their rows are not known: equal
 * scores go to what the first of them ranks, then the next.
 */
export function fusedRetriever(
  parts: readonly { retriever: Pick<Retriever, 'search'>; weight: number }[],
  { k, depth }: Pick<HybridSettings, 'k' | 'depth'> = DEFAULT_HYBRID,
  mode: RetrievalMode = 'hybrid',
): Retriever {
  requireFusion(
    k,
    parts.map(({ weight }) => weight),
  );
  return {
    mode,
    async search(queries, topK, signal) {
      requireTopK(topK);
      const found = await Promise.all(
        parts.map(({ retriever }) => retriever.search(queries, Math.max(topK, depth), signal)),
      );
      return queries.map((_, q) => {
        const passages = new Map<string, Hit['passage']>();
        const rankings = parts.map(({ weight }, p) => {
          const hits = found[p]?.[q] ?? [];
          for (const { passage } of hits) if (!passages.has(passage.id)) passages.set(passage.id, passage);
          return { keys: new Set(hits.map(({ passage }) => passage.id)), weight };
        });
        const fused = fuseRankings(rankings, k).slice(0, topK);
        return fused.flatMap(({ key, score }, i) => {
          const passage = passages.get(key);
          return passage ? [{ passage, score, rank: i + 1 }] : [];
        });
      });
    },
  };
}
