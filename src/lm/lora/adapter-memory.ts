/** What adapters take in the backend's memory, known from their shapes alone: as `ResidentAdapters` allocates it. */
import type { ModelConfig } from '../config';
import type { AdapterShape } from '../../protocol/model-library';
import { loraScale, type LoraAdapter } from './adapter';
import { moduleShape, type LoraModule } from './modules';

export const adapterShape = ({ rankStabilised, pairs }: LoraAdapter): AdapterShape => ({
  rankStabilised,
  pairs: pairs.map(({ layer, module, rank, alpha }) => ({ layer, module, rank, alpha })),
});

/** In bytes. */
interface AdapterMemory {
  /** Its matrices, and the inner products. */
  own: number;
  /** Gate and up before the gate, which all adapters of a model share. */
  shared: number;
}

/** Modules whose pairs are stacked, since they read the same and write beside each other. */
const SITES: readonly (readonly LoraModule[])[] = [
  ['q_proj', 'k_proj', 'v_proj'],
  ['o_proj'],
  ['gate_proj', 'up_proj'],
  ['down_proj'],
];

function adapterMemory(config: ModelConfig, adapter: AdapterShape, stepRows: number): AdapterMemory {
  let elements = 0;
  const ranks = new Set<number>();
  for (let layer = 0; layer < config.layers; layer += 1) {
    for (const modules of SITES) {
      const stacks = new Map<number, { rank: number; first: number; end: number; inputs: number }>();
      let column = 0;
      for (const module of modules) {
        const { inputs, outputs } = moduleShape(config, module);
        const pair = adapter.pairs.find((item) => item.layer === layer && item.module === module);
        if (pair) {
          const scale = loraScale(adapter, pair);
          const { rank = 0, first = column } = stacks.get(scale) ?? {};
          stacks.set(scale, { rank: rank + pair.rank, first, end: column + outputs, inputs });
        }
        column += outputs;
      }
      for (const { rank, first, end, inputs } of stacks.values()) {
        const padded = 4 * Math.ceil(rank / 4);
        ranks.add(padded);
        elements += padded * (inputs + end - first);
      }
    }
  }
  for (const rank of ranks) elements += stepRows * rank;
  const gates = adapter.pairs.some(({ module }) => module === 'gate_proj' || module === 'up_proj');
  return { own: 4 * elements, shared: gates ? 4 * stepRows * 2 * config.intermediateSize : 0 };
}

/** Bytes of all that are resident together; `stepRows` is the graph's. */
export function adaptersBytes(
  config: ModelConfig,
  adapters: readonly AdapterShape[],
  stepRows: number,
): number {
  const all = adapters.map((adapter) => adapterMemory(config, adapter, stepRows));
  return (
    all.reduce((sum, { own }) => sum + own, 0) + all.reduce((most, { shared }) => Math.max(most, shared), 0)
  );
}
