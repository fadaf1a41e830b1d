/** Several corpora searched as one: their passages one after the other, one ranking over all. */
import type { VectorSearchSettings } from '../../protocol/corpus';
import { throwIfAborted } from '../../protocol/errors';
import type { Hit, HybridSettings, Passage, RetrievalMode } from '../../protocol/retrieval';
import { joinStatistics } from '../bm25/bm25-index';
import { Bm25Retriever } from '../bm25/bm25-retriever';
import { fetchHits, requireTopK, type RowRetriever } from '../hits';
import type { LinkedRetriever } from '../linked-corpus';
import { passagesAt, type FetchedPassages, type PassageSource } from '../passage-text';
import { TopKHeap, type TopK } from '../top-k';
import { fusedRetriever } from './hybrid-retriever';

const SEPARATOR = '+';

/** The corpora that an id names. */
export const corporaOf = (id: string): string[] => [
  ...new Set(id.split(SEPARATOR).filter((part) => part !== '')),
];
export const isSeveral = (id: string): boolean => id.includes(SEPARATOR);

/** Lists one after the other. */
export class JoinedPassages implements FetchedPassages {
  readonly #lists: readonly PassageSource[];
  /** Where each begins. */
  readonly offsets: readonly number[];
  readonly length: number;

  constructor(lists: readonly PassageSource[]) {
    this.#lists = lists;
    let length = 0;
    this.offsets = lists.map((list) => (length += list.length) - list.length);
    this.length = length;
  }

  async fetch(rows: Iterable<number>, signal?: AbortSignal): Promise<ReadonlyMap<number, Passage>> {
    const wanted = this.#lists.map((): number[] => []);
    for (const row of rows) {
      const part = this.offsets.findLastIndex((offset) => offset <= row);
      wanted[part]?.push(row - (this.offsets[part] ?? 0));
    }
    const parts = await Promise.all(
      this.#lists.map((list, part) => passagesAt(list, wanted[part] ?? [], signal)),
    );
    const found = new Map<number, Passage>();
    parts.forEach((passages, part) => {
      for (const [row, passage] of passages) found.set(row + (this.offsets[part] ?? 0), passage);
    });
    return found;
  }
}

type SearchRows = RowRetriever['searchRows'];

/** The best of several rankings whose scores can be compared; ties to the lower row of the joined corpus. */
export class CombinedRetriever implements RowRetriever {
  readonly mode: 'dense' | 'bm25';
  readonly #parts: readonly SearchRows[];
  readonly #passages: JoinedPassages;

  constructor(mode: 'dense' | 'bm25', parts: readonly SearchRows[], passages: JoinedPassages) {
    this.mode = mode;
    this.#parts = parts;
    this.#passages = passages;
  }

  async searchRows(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    requireTopK(topK);
    throwIfAborted(signal);
    const found = await Promise.all(this.#parts.map((search) => search(queries, topK, signal)));
    return queries.map((_, q) => {
      const best = new TopKHeap(Math.min(topK, this.#passages.length));
      found.forEach((lists, part) => {
        const { rows, scores } = lists[q] ?? { rows: [], scores: [] };
        const offset = this.#passages.offsets[part] ?? 0;
        rows.forEach((row, i) => best.push(offset + row, scores[i] ?? 0));
      });
      return best.take();
    });
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    const results = await this.searchRows(queries, topK, signal);
    return fetchHits(results, this.#passages, signal);
  }
}

/** As one index of all would rank; `null` where the parts count words by different rules, so that scores cannot be compared. */
export function combineWords(
  parts: readonly RowRetriever[],
  passages: JoinedPassages,
): CombinedRetriever | null {
  const words = parts.filter((part) => part instanceof Bm25Retriever);
  const [first] = words;
  const rules = ({ index }: Bm25Retriever): string =>
    JSON.stringify([index.analyzer.id, index.data.parameters.k1, index.data.parameters.b]);
  if (words.length !== parts.length || !first || words.some((part) => rules(part) !== rules(first)))
    return null;
  const statistics = joinStatistics(words.map(({ index }) => index));
  const searches = words.map(
    (part): SearchRows =>
      (queries, topK, signal) =>
        part.searchRows(queries, topK, signal, statistics),
  );
  return new CombinedRetriever('bm25', searches, passages);
}

/** Cosines of one encoder can be compared whatever corpus they are of. */
export function combineVectors(parts: readonly RowRetriever[], passages: JoinedPassages): RowRetriever {
  const searches = parts.map(
    (part): SearchRows =>
      (queries, topK, signal) =>
        part.searchRows(queries, topK, signal),
  );
  const combined = new CombinedRetriever('dense', searches, passages);
  return {
    mode: 'dense',
    searchRows: (...search) => combined.searchRows(...search),
    search: (...search) => combined.search(...search),
    tuned: (hybrid, vectors) => combineVectors(tunedAll(parts, hybrid, vectors), passages),
  };
}

/** Where scores cannot be compared: the ranks of each, fused. */
export function fuseCorpora(parts: readonly LinkedRetriever[], mode: RetrievalMode): LinkedRetriever {
  const fused = fusedRetriever(
    parts.map((retriever) => ({ retriever, weight: 1 })),
    undefined,
    mode,
  );
  return { ...fused, tuned: (hybrid, vectors) => fuseCorpora(tunedAll(parts, hybrid, vectors), mode) };
}

/** Each as it can be; those of servers search as they do. */
const tunedAll = <
  T extends { tuned?(hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): T },
>(
  parts: readonly T[],
  hybrid: Partial<HybridSettings>,
  vectors: Partial<VectorSearchSettings>,
): T[] => parts.map((part) => part.tuned?.(hybrid, vectors) ?? part);
