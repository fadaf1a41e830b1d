/**
 * How the losses of single tokens become one number (verl `agg_loss`). Every way is a weighted sum, so it is given as weights: the
 * loss is Σ w·l and its gradient w·∂l. With the totals of a mini-batch, micro-batches simply add up.
 */
import type { Values } from './masked';

export type Aggregation =
  | 'token-mean'
  | 'sequence-mean-token-sum'
  | 'sequence-mean-token-mean'
  /** Divided by `length`, whatever the number of tokens and sequences (Dr. GRPO, arXiv 2503.20783). */
  | 'token-sum-norm';

/** What the whole mini-batch holds, of which the mask may be a part. */
export interface MaskTotals {
  tokens: number;
  /** Sequences with at least one token. */
  sequences: number;
}

function rowCounts(mask: Values, length: number): number[] {
  const counts: number[] = [];
  for (let start = 0; start < mask.length; start += length) {
    let count = 0;
    for (let t = start; t < start + length; t += 1) count += mask[t]!;
    counts.push(count);
  }
  return counts;
}

export function maskTotals(mask: Values, length: number): MaskTotals {
  const counts = rowCounts(mask, length);
  return {
    tokens: counts.reduce((sum, count) => sum + count, 0),
    sequences: counts.filter((count) => count > 0).length,
  };
}

/** The weight of every token, `[sequences, length]`; 0 where the mask is. */
export function lossWeights(
  mask: Values,
  length: number,
  mode: Aggregation = 'token-mean',
  totals: MaskTotals = maskTotals(mask, length),
): Float64Array {
  const counts = rowCounts(mask, length);
  const weightOf = (row: number): number => {
    switch (mode) {
      case 'token-mean':
        return 1 / Math.max(1, totals.tokens);
      case 'sequence-mean-token-sum':
        return 1 / Math.max(1, totals.sequences);
      case 'sequence-mean-token-mean':
        return 1 / ((counts[row] ?? 0) + 1e-8) / Math.max(1, totals.sequences);
      case 'token-sum-norm':
        return 1 / length;
      default:
        return mode satisfies never;
    }
  };
  return Float64Array.from(mask, (m, i) => (m === 0 ? 0 : m * weightOf(Math.floor(i / length))));
}
