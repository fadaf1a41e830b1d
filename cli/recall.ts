import { throwIfAborted } from '../src/protocol/errors';
import type { Retriever } from '../src/protocol/retrieval';
import type { Question } from './questions';

export interface RecallRow {
  dataset: string;
  questions: number;
  /** Share of questions whose gold passages are all among the first k. */
  allGold: number;
  /** Mean share of the gold passages among the first k. */
  recall: number;
}

/** How well a retriever finds the gold passages with the questions as they are, per source and over all. */
export async function measureRecall(
  retriever: Retriever,
  questions: readonly Question[],
  k: number,
  signal: AbortSignal,
): Promise<RecallRow[]> {
  const known = questions.filter(({ gold }) => gold.length > 0);
  const groups = new Map<string, { all: number; recall: number; count: number }>();
  const batch = 16;
  for (let start = 0; start < known.length; start += batch) {
    throwIfAborted(signal);
    const part = known.slice(start, start + batch);
    const results = await retriever.search(
      part.map(({ question }) => question),
      k,
      signal,
    );
    for (const [i, { gold, dataset }] of part.entries()) {
      const found = new Set(results[i]?.map(({ passage }) => passage.id));
      const hit = gold.filter((id) => found.has(id)).length;
      for (const name of [dataset, 'all']) {
        const group = groups.get(name) ?? { all: 0, recall: 0, count: 0 };
        group.all += hit === gold.length ? 1 : 0;
        group.recall += hit / gold.length;
        group.count += 1;
        groups.set(name, group);
        if (dataset === 'all') break;
      }
    }
  }
  return [...groups]
    .map(([dataset, { all, recall, count }]) => ({
      dataset,
      questions: count,
      allGold: all / count,
      recall: recall / count,
    }))
    .sort(
      (a, b) => Number(a.dataset === 'all') - Number(b.dataset === 'all') || (a.dataset < b.dataset ? -1 : 1),
    );
}
