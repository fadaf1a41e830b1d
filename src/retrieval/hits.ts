import { AppError } from '../protocol/errors';
import type { Hit, Retriever } from '../protocol/retrieval';
import type { PassageList } from './passage-text';
import type { TopK } from './top-k';

/** A retriever over a corpus at hand, whose rows can be compared with those of another index of it. */
export interface RowRetriever extends Retriever {
  /** As `search`, without the passages. */
  searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]>;
}

/** Result rows as hits with their passages, ranks from 1. */
export function toHits({ rows, scores }: TopK, passages: PassageList): Hit[] {
  return Array.from(rows, (row, i) => {
    const passage = passages.at(row);
    if (!passage) {
      throw new AppError(
        'INTEGRITY',
        `The index knows passage ${row}, the corpus has only ${passages.length}.`,
        {
          fix: 'Build the index again: it belongs to another corpus.',
        },
      );
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
