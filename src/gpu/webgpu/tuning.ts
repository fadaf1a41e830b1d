import type { BackendDescription } from '../backend';

/** Choices that depend on the kind of adapter, not on the model. All of them give the same results. */
export interface Tuning {
  /** Matrix products through workgroup memory (hardware), or each thread on its own (software, where barriers are dear). */
  products: 'tiled' | 'apart';
  /** Whether compilers may see constant loop bounds. Software adapters unroll such loops and then compile for minutes. */
  constantBounds: boolean;
  /** Queries that one attention workgroup takes on together. */
  attentionQueries: number;
}

export const tuningFor = ({ software }: BackendDescription): Tuning =>
  software
    ? { products: 'apart', constantBounds: false, attentionQueries: 4 }
    : { products: 'tiled', constantBounds: true, attentionQueries: 8 };
