import * as v from 'valibot';
import { AppError } from '../protocol/errors';
import { FAMILIES, type Family } from './families';

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 24));
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));

const rawConfig = v.object({
  architectures: v.optional(v.array(v.string())),
  model_type: v.optional(v.string()),
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: v.pipe(size, v.maxValue(1024)),
  num_attention_heads: size,
  num_key_value_heads: v.optional(size),
  head_dim: v.nullish(size),
  vocab_size: size,
  max_position_embeddings: v.optional(size, 2048),
  hidden_act: v.optional(v.string(), 'silu'),
  rms_norm_eps: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 1e-6),
  rope_theta: v.optional(positive),
  rope_scaling: v.nullish(v.record(v.string(), v.unknown())),
  rope_parameters: v.nullish(v.record(v.string(), v.unknown())),
  tie_word_embeddings: v.optional(v.boolean(), false),
  attention_bias: v.optional(v.boolean(), false),
  mlp_bias: v.optional(v.boolean(), false),
  use_sliding_window: v.optional(v.boolean(), false),
  bos_token_id: v.nullish(v.union([v.number(), v.array(v.number())])),
  eos_token_id: v.nullish(v.union([v.number(), v.array(v.number())])),
});

/** What the graph needs of a `config.json`. */
export interface ModelConfig {
  family: Family;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  queryHeads: number;
  keyValueHeads: number;
  headSize: number;
  vocabSize: number;
  /** The longest context the checkpoint was made for. */
  maxPositions: number;
  normEpsilon: number;
  ropeTheta: number;
  tiedEmbeddings: boolean;
  bosTokenIds: number[];
  eosTokenIds: number[];
}

function refuse(what: string, code: 'BAD_INPUT' | 'UNSUPPORTED' = 'UNSUPPORTED'): never {
  throw new AppError(code, `This model cannot be loaded: ${what}.`, {
    fix:
      code === 'UNSUPPORTED'
        ? `Choose a checkpoint of a supported architecture (${supported()}).`
        : 'Check that config.json is the one that came with the weights.',
  });
}

const supported = (): string => FAMILIES.map((family) => family.architecture).join(', ');

const asList = (ids: number | number[] | null | undefined): number[] =>
  ids === null || ids === undefined ? [] : Array.isArray(ids) ? ids : [ids];

/**
 * Checks a Hugging Face `config.json` (already parsed JSON).
 * @throws AppError BAD_INPUT naming the field, UNSUPPORTED naming what this engine does not do.
 */
export function parseModelConfig(json: unknown): ModelConfig {
  if (typeof json !== 'object' || json === null) refuse('config.json is not a JSON object', 'BAD_INPUT');
  const family = findFamily(json);
  const result = v.safeParse(rawConfig, json);
  if (!result.success) {
    const issue = result.issues[0];
    refuse(`config.json: ${v.getDotPath(issue) ?? 'value'}: ${issue.message}`, 'BAD_INPUT');
  }
  const raw = result.output;
  refuseVariants(raw);
  const headSize = raw.head_dim ?? raw.hidden_size / raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? raw.num_attention_heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    refuse(`the head size ${headSize} is not an even whole number`, 'BAD_INPUT');
  }
  if (raw.num_attention_heads % keyValueHeads !== 0) {
    refuse(
      `${raw.num_attention_heads} query heads cannot share ${keyValueHeads} key-value heads`,
      'BAD_INPUT',
    );
  }
  const theta = raw.rope_theta ?? raw.rope_parameters?.['rope_theta'] ?? 10000;
  if (typeof theta !== 'number' || !(theta > 0)) refuse('rope_theta is not a positive number', 'BAD_INPUT');
  return {
    family,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    queryHeads: raw.num_attention_heads,
    keyValueHeads,
    headSize,
    vocabSize: raw.vocab_size,
    maxPositions: raw.max_position_embeddings,
    normEpsilon: raw.rms_norm_eps,
    ropeTheta: theta,
    tiedEmbeddings: raw.tie_word_embeddings,
    bosTokenIds: asList(raw.bos_token_id),
    eosTokenIds: asList(raw.eos_token_id),
  };
}

function findFamily(json: object): Family {
  const named: unknown = 'architectures' in json ? json.architectures : undefined;
  const type: unknown = 'model_type' in json ? json.model_type : undefined;
  const architecture: unknown = Array.isArray(named) ? named[0] : undefined;
  const family = FAMILIES.find((known) =>
    typeof architecture === 'string' ? known.architecture === architecture : known.modelType === type,
  );
  if (family) return family;
  const name = typeof architecture === 'string' ? architecture : typeof type === 'string' ? type : undefined;
  if (name === undefined) refuse('config.json names no architecture', 'BAD_INPUT');
  return refuse(`the architecture ${name.slice(0, 80)} is not supported`);
}

function refuseVariants(raw: v.InferOutput<typeof rawConfig>): void {
  if (raw.hidden_act !== 'silu') refuse(`the activation ${raw.hidden_act} is not supported, only silu`);
  if (raw.attention_bias) refuse('a bias on all attention projections is not supported');
  if (raw.mlp_bias) refuse('a bias in the MLP is not supported');
  if (raw.use_sliding_window) refuse('sliding-window attention is not supported');
  for (const rope of [raw.rope_scaling, raw.rope_parameters]) {
    const type = rope?.['rope_type'] ?? rope?.['type'] ?? 'default';
    if (type === 'default') continue;
    refuse(`rotary scaling of type ${typeof type === 'string' ? type.slice(0, 40) : '?'} is not supported`);
  }
}
