/** The seven linear layers of a decoder layer that an adapter may change, as Hugging Face names them. */
import type { ModelConfig } from '../config';

export const LORA_MODULES = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
] as const;
export type LoraModule = (typeof LORA_MODULES)[number];

export interface ModuleShape {
  inputs: number;
  outputs: number;
}

export function moduleShape(config: ModelConfig, module: LoraModule): ModuleShape {
  const { hiddenSize, intermediateSize } = config;
  const queryWidth = config.queryHeads * config.headSize;
  const keyValueWidth = config.keyValueHeads * config.headSize;
  switch (module) {
    case 'q_proj':
      return { inputs: hiddenSize, outputs: queryWidth };
    case 'k_proj':
    case 'v_proj':
      return { inputs: hiddenSize, outputs: keyValueWidth };
    case 'o_proj':
      return { inputs: queryWidth, outputs: hiddenSize };
    case 'gate_proj':
    case 'up_proj':
      return { inputs: hiddenSize, outputs: intermediateSize };
    case 'down_proj':
      return { inputs: intermediateSize, outputs: hiddenSize };
    default:
      return module satisfies never;
  }
}

const isAttention = (module: LoraModule): boolean =>
  ['q_proj', 'k_proj', 'v_proj', 'o_proj'].includes(module);

/** `model.layers.3.self_attn.q_proj`: the weight's name without `.weight`. */
export const modulePath = (layer: number, module: LoraModule): string =>
  `model.layers.${layer}.${isAttention(module) ? 'self_attn' : 'mlp'}.${module}`;

/** Layer and module of a path, or undefined where it is none of the seven linears of a decoder layer. */
export function parseModulePath(path: string): { layer: number; module: LoraModule } | undefined {
  const [, number, name] = /^model\.layers\.(\d{1,4})\.(?:self_attn|mlp)\.(\w+)$/.exec(path) ?? [];
  const module = LORA_MODULES.find((known) => known === name);
  if (number === undefined || !module) return undefined;
  const layer = Number(number);
  return modulePath(layer, module) === path ? { layer, module } : undefined;
}
