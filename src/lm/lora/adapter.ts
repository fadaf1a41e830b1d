/** A low-rank adapter (LoRA, arXiv 2106.09685 §4.1): y = x·Wᵀ + s·(x·Aᵀ)·Bᵀ on some of the linear layers of a model. */
import type { LoraModule } from './modules';

export interface LoraPair {
  layer: number;
  module: LoraModule;
  rank: number;
  alpha: number;
  /** A, `[rank, in]`. */
  down: Float32Array;
  /** B, `[out, rank]`. */
  up: Float32Array;
}

export interface LoraAdapter {
  /** s = α/√r instead of α/r (rank-stabilised LoRA, arXiv 2312.03732). */
  rankStabilised: boolean;
  /** The checkpoint that it belongs to, as it names it; often a path on somebody's disk. */
  baseModel: string | undefined;
  /** By layer, then in the order of `LORA_MODULES`; at most one for each module of a layer. */
  pairs: readonly LoraPair[];
}

/** The factor s on the product of A and B. */
export const loraScale = (
  adapter: Pick<LoraAdapter, 'rankStabilised'>,
  pair: Pick<LoraPair, 'rank' | 'alpha'>,
): number => pair.alpha / (adapter.rankStabilised ? Math.sqrt(pair.rank) : pair.rank);
