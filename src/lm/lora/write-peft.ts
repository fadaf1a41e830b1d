/** Writes an adapter as PEFT does, so that PEFT, transformers and vLLM load it. */
import { writeSafetensors } from '../safetensors-writer';
import type { LoraAdapter, LoraPair } from './adapter';
import { LORA_MODULES, modulePath } from './modules';

export interface WrittenFile {
  path: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** What most pairs have; the others are named in a pattern. */
function commonest(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best), [1, 0])[0];
}

/** The end of a module's path: PEFT compares patterns and targets with ends after a dot. */
const pathEnd = (pair: LoraPair): string => modulePath(pair.layer, pair.module).replace(/^model\./, '');

function adapterConfig(adapter: LoraAdapter, modelLayers: number | undefined): Record<string, unknown> {
  const { pairs, rankStabilised, baseModel } = adapter;
  const [rank, alpha] = [commonest(pairs.map((p) => p.rank)), commonest(pairs.map((p) => p.alpha))];
  const modules = LORA_MODULES.filter((module) => pairs.some((pair) => pair.module === module));
  const layers = [...new Set(pairs.map((pair) => pair.layer))];
  const isRegular = pairs.length === modules.length * layers.length;
  const isEveryLayer =
    layers.length === (modelLayers ?? layers.length) && layers.every((layer, i) => layer === i);
  const others = (field: 'rank' | 'alpha', usual: number): Record<string, number> =>
    Object.fromEntries(pairs.filter((p) => p[field] !== usual).map((p) => [pathEnd(p), p[field]]));
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel ?? null,
    revision: null,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    use_rslora: rankStabilised,
    use_dora: false,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    target_modules: isRegular ? modules : pairs.map(pathEnd),
    layers_to_transform: isRegular && !isEveryLayer ? layers : null,
    layers_pattern: null,
    modules_to_save: null,
    rank_pattern: others('rank', rank),
    alpha_pattern: others('alpha', alpha),
  };
}

/**
 * `adapter_config.json` and `adapter_model.safetensors` (f32, names without an adapter's name). `modelLayers`: how many the model has;
 * without it, an adapter on its first layers counts as one on all of them.
 */
export function writePeftAdapter(
  adapter: LoraAdapter,
  modelLayers?: number,
): [config: WrittenFile, weights: WrittenFile] {
  const tensors = adapter.pairs.flatMap(({ layer, module, rank, down, up }) => {
    const path = `base_model.model.${modulePath(layer, module)}`;
    return [
      { name: `${path}.lora_A.weight`, shape: [rank, down.length / rank], values: down },
      { name: `${path}.lora_B.weight`, shape: [up.length / rank, rank], values: up },
    ];
  });
  const config = `${JSON.stringify(adapterConfig(adapter, modelLayers), null, 2)}\n`;
  return [
    { path: 'adapter_config.json', bytes: new TextEncoder().encode(config) },
    { path: 'adapter_model.safetensors', bytes: writeSafetensors(tensors) },
  ];
}
