/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): a passage scores Σ weight / (k + rank) over the rankings that
 * hold it, ranks from 1. Scores of the rankings themselves play no part, so that cosines and BM25 need not be comparable.
 */
import { AppError } from '../../protocol/errors';

/** Of the paper, and what search engines take. */
export const RRF_K = 60;

export interface Ranking<Key> {
  /** Best first; each once. */
  keys: Iterable<Key>;
  weight: number;
}

export interface Fused<Key> {
  key: Key;
  score: number;
}

/** Throws `BAD_INPUT` where a setting makes no ranking. */
export function requireFusion(k: number, weights: readonly number[]): void {
  const sound =
    k >= 0 &&
    Number.isFinite(k) &&
    weights.every((weight) => weight >= 0 && Number.isFinite(weight)) &&
    weights.some((weight) => weight > 0);
  if (sound) return;
  throw new AppError('BAD_INPUT', `k = ${k} with the weights ${weights.join(', ')} fuses nothing.`, {
    fix: 'Give a k of at least 0 and weights of at least 0, one of them above it.',
  });
}

/**
 * All keys that a ranking of some weight holds, best first. Equal scores go by `compare`; without it to the key that was met
 * first, rankings in the order given.
 */
export function fuseRankings<Key>(
  rankings: readonly Ranking<Key>[],
  k = RRF_K,
  compare: (a: Key, b: Key) => number = () => 0,
): Fused<Key>[] {
  requireFusion(
    k,
    rankings.map(({ weight }) => weight),
  );
  const scores = new Map<Key, number>();
  for (const { keys, weight } of rankings) {
    if (weight === 0) continue;
    let rank = 1;
    for (const key of keys) scores.set(key, (scores.get(key) ?? 0) + weight / (k + rank++));
  }
  return Array.from(scores, ([key, score]) => ({ key, score })).sort(
    (a, b) => b.score - a.score || compare(a.key, b.key),
  );
}
