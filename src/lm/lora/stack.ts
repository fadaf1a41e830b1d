/**
 * Pairs that read the same input and write beside each other (q, k, v; gate, up) become one: their A below each other, their B
 * along a diagonal. Two small products take the place of four or six, which is what decoding pays for.
 */
import { loraScale, type LoraAdapter, type LoraPair } from './adapter';

export interface StackedPair {
  /** Rows of A: the sum of the ranks, filled up with zeros to a multiple of 4, which kernels read at once. */
  rank: number;
  inputs: number;
  /** `[rank, inputs]` */
  down: Float32Array;
  /** Columns of the site's output that B writes, from `outputColumn` on. */
  outputs: number;
  outputColumn: number;
  /** `[outputs, rank]` */
  up: Float32Array;
  scale: number;
}

export interface PlacedPair {
  pair: LoraPair;
  /** Where the module's output begins in the site's. */
  column: number;
}

function stack(placed: readonly PlacedPair[], scale: number): StackedPair {
  const outputsOf = ({ up, rank }: LoraPair): number => up.length / rank;
  const first = placed.reduce((least, { column }) => Math.min(least, column), Infinity);
  const end = placed.reduce((most, { pair, column }) => Math.max(most, column + outputsOf(pair)), 0);
  const rank = 4 * Math.ceil(placed.reduce((sum, { pair }) => sum + pair.rank, 0) / 4);
  const inputs = placed.reduce((_, { pair }) => pair.down.length / pair.rank, 0);
  const down = new Float32Array(rank * inputs);
  const up = new Float32Array((end - first) * rank);
  let above = 0;
  for (const { pair, column } of placed) {
    down.set(pair.down, above * inputs);
    for (let row = 0; row < outputsOf(pair); row += 1) {
      up.set(pair.up.subarray(row * pair.rank, (row + 1) * pair.rank), (column - first + row) * rank + above);
    }
    above += pair.rank;
  }
  return { rank, inputs, down, outputs: end - first, outputColumn: first, up, scale };
}

/** One stack for all pairs of a site, or, since a product has one factor, one for every factor among them. */
export function stackPairs(adapter: LoraAdapter, placed: readonly PlacedPair[]): StackedPair[] {
  const byScale = new Map<number, PlacedPair[]>();
  for (const item of placed) {
    const scale = loraScale(adapter, item.pair);
    byScale.set(scale, [...(byScale.get(scale) ?? []), item]);
  }
  return Array.from(byScale, ([scale, items]) => stack(items, scale));
}
