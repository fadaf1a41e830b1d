import type { BackendDescription } from '../backend';
import { SAMPLE_BLOCK } from '../partials';

/** Choices that depend on the kind of adapter, not on the model. All of them give the same results. */
export interface Tuning {
  /** Matrix products through workgroup memory (hardware), or each thread on its own (software, where barriers are dear). */
  products: 'tiled' | 'apart';
  /** Whether compilers may see constant loop bounds. Software adapters unroll such loops and then compile for minutes. */
  constantBounds: boolean;
  /** Queries that one attention workgroup takes on together. */
  attentionQueries: number;
  /** Weights of a tile in f16, which leaves room for deeper tiles; sums are f32 all the same. */
  f16: boolean;
  /** Sums over lanes by shuffling within subgroups, whatever their size. */
  subgroups: boolean;
  /** Without tiles: threads that hand each other their loads, a power of two that no subgroup is smaller than; 0: none. */
  broadcast: 0 | 4 | 8;
  /** Rows and columns that a thread computes at once: with tiles in steps of up to 16 rows, without them in larger ones. */
  few: { rows: number; columns: number };
  /**
   * Queries and keys that a thread of attention's backward pass takes on together, each, where sequences may have `from` tokens;
   * 0 and below that: a workgroup for every query.
   */
  attentionGradient: { each: 0 | 2 | 4; from: number };
  /** Workgroups of attention below which the keys of a row are cut up, where they are many; 0: never. */
  splitBelow: number;
  /** Tokens of a row of logits that one workgroup of sampling looks through; a multiple of `SAMPLE_BLOCK`. */
  sampleBlock: number;
}

export function tuningFor({ software, f16, subgroups, smallestSubgroup = 0 }: BackendDescription): Tuning {
  if (!software) {
    return {
      ...{ products: 'tiled', constantBounds: true, attentionQueries: 8 },
      ...{ f16, subgroups, broadcast: 0, few: { rows: 8, columns: 4 } },
      ...{ attentionGradient: { each: 4, from: 0 }, splitBelow: 256, sampleBlock: SAMPLE_BLOCK },
    };
  }
  return {
    ...{ products: 'apart', constantBounds: false, attentionQueries: 4, f16: false, subgroups: false },
    few: { rows: 4, columns: 4 },
    ...{ attentionGradient: { each: 2, from: 256 }, splitBelow: 0, sampleBlock: 8 * SAMPLE_BLOCK },
    broadcast: smallestSubgroup >= 8 ? 8 : smallestSubgroup >= 4 ? 4 : 0,
  };
}
