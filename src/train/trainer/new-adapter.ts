/** An adapter that changes nothing yet, as PEFT begins one: A uniform in ±1/√in (Kaiming with a = √5), B zero. */
import type { ModelConfig } from '../../lm/config';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { LORA_MODULES, moduleShape, type LoraModule } from '../../lm/lora/modules';
import { Random } from '../../lm/random';

export interface NewAdapter {
  rank: number;
  alpha: number;
  modules: readonly LoraModule[];
  seed: number;
  baseModel?: string | undefined;
}

export function newAdapter(config: ModelConfig, wanted: NewAdapter): LoraAdapter {
  const { rank, alpha, modules, seed, baseModel } = wanted;
  const random = new Random(seed);
  const pairs = Array.from({ length: config.layers }, (_, layer) =>
    LORA_MODULES.filter((module) => modules.includes(module)).map((module) => {
      const { inputs, outputs } = moduleShape(config, module);
      const bound = 1 / Math.sqrt(inputs);
      const down = Float32Array.from({ length: rank * inputs }, () => (2 * random.uniform() - 1) * bound);
      return { ...{ layer, module, rank, alpha, down }, up: new Float32Array(outputs * rank) };
    }),
  ).flat();
  return { rankStabilised: false, baseModel, pairs };
}
