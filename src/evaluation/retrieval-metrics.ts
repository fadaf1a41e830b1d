/**
 * Scores of ranked lists, as trec_eval defines them (NIST, version 9): linear gain, ranks from 1, judgements ≤ 0 not relevant. A
 * list holds each document once; `judged` says how relevant a document is, and nothing of those it does not name.
 */

/** Relevance by document id. */
export type Judgements = ReadonlyMap<string, number>;

/** Relevant documents there are. */
export function relevantCount(judged: Judgements): number {
  let count = 0;
  for (const relevance of judged.values()) if (relevance > 0) count++;
  return count;
}

const gain = (judged: Judgements, id: string): number => Math.max(0, judged.get(id) ?? 0);

/** Relevant documents among the first k. */
export function relevantFound(ranked: readonly string[], judged: Judgements, k = Infinity): number {
  return ranked.slice(0, k).filter((id) => gain(judged, id) > 0).length;
}

/** Share of the relevant documents among the first k; 0 where none is relevant. */
export function recallAt(ranked: readonly string[], judged: Judgements, k: number): number {
  const relevant = relevantCount(judged);
  return relevant === 0 ? 0 : relevantFound(ranked, judged, k) / relevant;
}

/** Share of the first k that is relevant; missing ranks count as not relevant. */
export const precisionAt = (ranked: readonly string[], judged: Judgements, k: number): number =>
  relevantFound(ranked, judged, k) / k;

/** 1 if one of the first k is relevant. */
export const successAt = (ranked: readonly string[], judged: Judgements, k: number): number =>
  relevantFound(ranked, judged, k) > 0 ? 1 : 0;

/** 1 if every relevant document is among the first k: what a question of several hops needs. */
export const allGoldAt = (ranked: readonly string[], judged: Judgements, k: number): number =>
  relevantCount(judged) > 0 && relevantFound(ranked, judged, k) === relevantCount(judged) ? 1 : 0;

/** 1 / rank of the first relevant document; 0 where there is none (among the first k). */
export function reciprocalRank(ranked: readonly string[], judged: Judgements, k = Infinity): number {
  const first = ranked.slice(0, k).findIndex((id) => gain(judged, id) > 0);
  return first < 0 ? 0 : 1 / (first + 1);
}

/** Mean of the precisions at the relevant documents; those not found count 0. Its mean over queries is MAP. */
export function averagePrecision(ranked: readonly string[], judged: Judgements, k = Infinity): number {
  const relevant = relevantCount(judged);
  if (relevant === 0) return 0;
  let found = 0;
  let sum = 0;
  for (const [i, id] of ranked.slice(0, k).entries()) {
    if (gain(judged, id) > 0) sum += ++found / (i + 1);
  }
  return sum / relevant;
}

/** Discounted cumulative gain over the best there could be: Σ relevance / log₂(rank + 1). Ideal order by relevance, all judged documents. */
export function ndcgAt(ranked: readonly string[], judged: Judgements, k = Infinity): number {
  const ideal = [...judged.values()].filter((relevance) => relevance > 0).sort((a, b) => b - a);
  const best = discounted(ideal.slice(0, k));
  return best === 0 ? 0 : discounted(ranked.slice(0, k).map((id) => gain(judged, id))) / best;
}

const discounted = (gains: readonly number[]): number =>
  gains.reduce((sum, relevance, i) => sum + relevance / Math.log2(i + 2), 0);

/** Precision at rank R, where R documents are relevant. */
export function rPrecision(ranked: readonly string[], judged: Judgements): number {
  return recallAt(ranked, judged, relevantCount(judged));
}
