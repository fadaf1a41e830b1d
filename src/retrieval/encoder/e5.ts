/**
 * The conventions of E5 (Wang et al., arXiv 2212.03533): prefixes that tell questions from passages, the mean of the last hidden
 * states over the real tokens, unit length. Passages are written as the index builder of s3 writes them.
 */
import type { Passage } from '../../protocol/retrieval';
import { toContents } from '../passage-text';

/** What s3 and Search-R1 cut at, for queries and passages. */
export const MAX_TOKENS = 256;

export const queryPrefix = 'query: ';
export const passagePrefix = 'passage: ';

export const queryText = (query: string): string => `${queryPrefix}${query}`;

export const passageText = (passage: Pick<Passage, 'title' | 'text'>): string =>
  `${passagePrefix}${toContents(passage)}`;

/**
 * Mean over the first `lengths[r]` positions of each row, then L2.
 * @param hidden [rows, padded, dimensions]
 */
export function poolRows(hidden: Float32Array, padded: number, lengths: readonly number[]): Float32Array[] {
  const dimensions = hidden.length / (lengths.length * padded);
  return lengths.map((length, row) => {
    const sums = new Float64Array(dimensions);
    for (let t = 0; t < length; t++) {
      const start = (row * padded + t) * dimensions;
      for (let d = 0; d < dimensions; d++) sums[d] = (sums[d] ?? 0) + (hidden[start + d] ?? 0);
    }
    let squares = 0;
    for (const sum of sums) squares += sum * sum;
    const norm = Math.sqrt(squares);
    return Float32Array.from(sums, (sum) => sum / norm);
  });
}
