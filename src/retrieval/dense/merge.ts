import { TopKHeap, type TopK } from '../top-k';

/** The best of several lists. */
export function mergeTopK(lists: readonly TopK[], topK: number): TopK {
  const [only] = lists;
  if (only && lists.length === 1) return only;
  const heap = new TopKHeap(
    Math.min(
      topK,
      lists.reduce((sum, { rows }) => sum + rows.length, 0),
    ),
  );
  for (const { rows, scores } of lists) rows.forEach((row, i) => heap.push(row, scores[i] ?? 0));
  return heap.take();
}
