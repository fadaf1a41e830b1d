import type { VectorSearchSettings } from '../protocol/corpus';
import { AppError } from '../protocol/errors';
import type { Hit, HybridSettings, Passage, Retriever } from '../protocol/retrieval';
import { passagesAt, type PassageSource } from './passage-text';
import type { TopK } from './top-k';

/** A retriever over a corpus at hand, whose rows can be compared with those of another index of it. */
export interface RowRetriever extends Retriever {
  /** As `search`, without the passages. */
  searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]>;
  /** The same corpus searched otherwise; what does not concern it is passed over. Absent where nothing does. */
  tuned?(hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): RowRetriever;
}

/** Result rows as hits with their passages, ranks from 1. Passages that lie on a disk or a host are read together, each once. */
export async function fetchHits(
  results: readonly TopK[],
  passages: PassageSource,
  signal?: AbortSignal,
): Promise<Hit[][]> {
  const wanted = new Set(results.flatMap(({ rows }) => [...rows]));
  const found = await passagesAt(passages, wanted, signal);
  return results.map((result) => toHits(result, found, passages.length));
}

function toHits({ rows, scores }: TopK, found: ReadonlyMap<number, Passage>, length: number): Hit[] {
  return Array.from(rows, (row, i) => {
    const passage = found.get(row);
    if (!passage) {
      throw new AppError('INTEGRITY', `The index knows passage ${row}, the corpus has only ${length}.`, {
        fix: 'Build the index again: it belongs to another corpus.',
      });
    }
    return { passage, score: scores[i] ?? 0, rank: i + 1 };
  });
}

export function requireTopK(topK: number): void {
  if (!Number.isInteger(topK) || topK < 1) {
    throw new AppError('BAD_INPUT', `A search for ${topK} results makes no sense.`, {
      fix: 'Ask for a whole number of results, at least 1.',
    });
  }
}
