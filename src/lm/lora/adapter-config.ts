/** PEFT's `adapter_config.json`: what it says about LoRA, and a refusal by name of everything that is more than LoRA. */
import * as v from 'valibot';
import { AppError } from '../../protocol/errors';

const rank = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(65536));
const alpha = v.pipe(v.number(), v.finite());

const RawAdapterConfig = v.looseObject({
  peft_type: v.string(),
  base_model_name_or_path: v.nullish(v.string()),
  r: rank,
  lora_alpha: alpha,
  use_rslora: v.nullish(v.boolean()),
  target_modules: v.nullish(v.union([v.string(), v.array(v.string())])),
  layers_to_transform: v.nullish(v.union([v.number(), v.array(v.number())])),
  rank_pattern: v.nullish(v.record(v.string(), rank)),
  alpha_pattern: v.nullish(v.record(v.string(), alpha)),
});

export interface AdapterConfig {
  rankStabilised: boolean;
  baseModel: string | undefined;
  /** Ends of module paths; undefined where the config says something else than a list (`all-linear`, a pattern). */
  targets: readonly string[] | undefined;
  /** Whether all layers that `targets` names must be there. */
  everyLayer: boolean;
  rankOf(path: string): number;
  alphaOf(path: string): number;
}

const FIX =
  'Choose a LoRA adapter that PEFT saved with its default options, or merge it into the model with PEFT.';

function refuse(what: string): never {
  throw new AppError('UNSUPPORTED', `This adapter cannot be used: ${what}.`, { fix: FIX });
}

const shown = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 40) : '?');

const isGiven = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== false &&
  !(Array.isArray(value) && value.length === 0) &&
  !(typeof value === 'object' && Object.keys(value).length === 0);

/** Fields that change what is computed, and what they mean. */
const VARIANTS: Readonly<Record<string, string>> = {
  use_dora: 'it is a DoRA adapter (use_dora)',
  use_qalora: 'it is a QA-LoRA adapter (use_qalora)',
  modules_to_save: 'it brings whole modules of its own (modules_to_save)',
  lora_bias: 'its B matrices have a bias (lora_bias)',
  fan_in_fan_out: 'its matrices are stored transposed (fan_in_fan_out)',
  layer_replication: 'it repeats layers of the model (layer_replication)',
  trainable_token_indices: 'it changes token embeddings (trainable_token_indices)',
  target_parameters: 'it changes single parameters (target_parameters)',
  alora_invocation_tokens: 'it is an activated LoRA adapter (alora_invocation_tokens)',
};

/** Initialisations that changed the base weights, too: on the plain base the adapter would be a wrong model. */
const CHANGED_BASE = /^(pissa|olora|corda|loftq)/;

function refuseVariants(raw: Readonly<Record<string, unknown>>): void {
  if (raw['peft_type'] !== 'LORA') refuse(`it is of type ${shown(raw['peft_type'])}, not LORA`);
  for (const [field, meaning] of Object.entries(VARIANTS)) {
    if (isGiven(raw[field])) refuse(meaning);
  }
  const bias = raw['bias'] ?? 'none';
  if (bias !== 'none') refuse(`it changes biases (bias: ${shown(bias)})`);
  const init = raw['init_lora_weights'];
  if (typeof init === 'string' && CHANGED_BASE.test(init)) {
    refuse(`its training changed the model's own weights (init_lora_weights: ${init.slice(0, 40)})`);
  }
}

/**
 * Checks a parsed `adapter_config.json`.
 * @throws AppError BAD_INPUT naming the field, UNSUPPORTED naming what is more than LoRA.
 */
export function parseAdapterConfig(json: unknown): AdapterConfig {
  const result = v.safeParse(RawAdapterConfig, json);
  if (!result.success) {
    const issue = result.issues[0];
    const where = v.getDotPath(issue) ?? 'document';
    throw new AppError('BAD_INPUT', `adapter_config.json cannot be read: ${where}: ${issue.message}.`, {
      fix: 'Check that it is the adapter_config.json that PEFT wrote beside the weights.',
    });
  }
  const raw = result.output;
  refuseVariants(raw);
  const rankOf = patternLookup('rank_pattern', raw.rank_pattern ?? {}, raw.r);
  const alphaOf = patternLookup('alpha_pattern', raw.alpha_pattern ?? {}, raw.lora_alpha);
  return {
    rankStabilised: raw.use_rslora ?? false,
    baseModel: raw.base_model_name_or_path ?? undefined,
    targets: Array.isArray(raw.target_modules) ? raw.target_modules : undefined,
    everyLayer: !isGiven(raw.layers_to_transform) && !isGiven(raw['exclude_modules']),
    ...{ rankOf, alphaOf },
  };
}

/** Whether a name (`q_proj`, `layers.0.mlp.up_proj`) is the path or its end, after a dot. */
export const isPathEnd = (path: string, name: string): boolean => path === name || path.endsWith(`.${name}`);

/**
 * PEFT takes the first pattern that matches the path or its end. Its patterns are regular expressions; here they are plain
 * names, since a foreign expression could run for ever.
 */
function patternLookup(
  field: string,
  patterns: Readonly<Record<string, number>>,
  fallback: number,
): (path: string) => number {
  const names = Object.entries(patterns).map(([pattern, value]) => {
    const anchored = pattern.startsWith('^');
    const name = pattern.replace(/^\^/, '').replace(/\$$/, '').replaceAll('\\.', '.');
    if (!/^[\w.]+$/.test(name)) refuse(`the pattern ${pattern.slice(0, 80)} in ${field} is not a plain name`);
    return { name, anchored, value };
  });
  return (path) =>
    names.find(({ name, anchored }) => (anchored ? path === name : isPathEnd(path, name)))?.value ?? fallback;
}
