import * as v from 'valibot';
import { AppError } from '../protocol/errors';
import { FAMILIES, type Family } from './families';
import type { Rope } from './rope';
import { parseRope } from './rope-config';

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
  sliding_window: v.nullish(size),
  max_window_layers: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  layer_types: v.nullish(v.array(v.string())),
  dual_chunk_attention_config: v.nullish(v.looseObject({ chunk_size: size, local_size: size })),
  quantization_config: v.nullish(v.record(v.string(), v.unknown())),
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
  /** The longest context in which this engine computes what the checkpoint was made for. */
  maxPositions: number;
  /** The longest context that needs no scaling which depends on its length; a good default stays within it. */
  nativePositions: number;
  /** Sentences for people: what of the checkpoint's abilities is left out, and why. Usually none. */
  notes: string[];
  normEpsilon: number;
  rope: Rope;
  /** Whether the query, key and value projections have a bias. */
  projectionBias: boolean;
  /** Whether the attention's output projection has one. */
  outputBias: boolean;
  /** Whether queries and keys are normalised head by head. */
  headNorms: boolean;
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
  refuseVariants(family, raw);
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
  const configuredBias = family.projectionBias === 'configured' && raw.attention_bias;
  const { rope, ...positions } = parseRope(raw, refuse);
  const limits = contextLimits(raw);
  const within = (length: number): number => Math.min(length, ...limits.map((limit) => limit.positions));
  return {
    family,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    queryHeads: raw.num_attention_heads,
    keyValueHeads,
    headSize,
    vocabSize: raw.vocab_size,
    maxPositions: within(positions.maxPositions),
    nativePositions: within(positions.nativePositions),
    notes: limits.map((limit) => limit.note),
    normEpsilon: raw.rms_norm_eps,
    rope,
    projectionBias: family.projectionBias === 'always' || configuredBias,
    outputBias: configuredBias,
    headNorms: family.headNorms,
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

type RawConfig = v.InferOutput<typeof rawConfig>;

function refuseVariants(family: Family, raw: RawConfig): void {
  if (!['silu', 'swish'].includes(raw.hidden_act)) {
    refuse(`the activation ${raw.hidden_act.slice(0, 40)} is not supported, only silu`);
  }
  if (raw.attention_bias && family.projectionBias === 'always') {
    refuse(`a bias on all attention projections is not supported in ${family.architecture}`);
  }
  if (raw.mlp_bias) refuse('a bias in the MLP is not supported');
  const other = raw.layer_types?.find((type) => !['full_attention', 'sliding_attention'].includes(type));
  if (other !== undefined) refuse(`layers of type ${other.slice(0, 40)} are not supported`);
  if (raw.quantization_config) {
    const method = raw.quantization_config['quant_method'];
    const name = typeof method === 'string' ? method.slice(0, 40) : 'an unnamed method';
    refuse(`its weights are stored quantised by ${name}, which is not supported`);
  }
}

/** Attention patterns that equal plain attention up to some length: the context ends there, and the user is told. */
function contextLimits(raw: RawConfig): { positions: number; note: string }[] {
  const limits: { positions: number; note: string }[] = [];
  if (usesSlidingWindow(raw)) {
    const positions = raw.sliding_window;
    if (!positions) return refuse('sliding-window attention without sliding_window is not supported');
    limits.push({
      positions,
      note: `Some layers attend to a sliding window of ${positions} tokens. The context ends there: up to that length a window makes no difference.`,
    });
  }
  const chunks = raw.dual_chunk_attention_config;
  if (chunks) {
    const positions = chunks.chunk_size - chunks.local_size;
    if (positions < 2)
      refuse('its dual chunk attention has a local_size as large as its chunk_size', 'BAD_INPUT');
    limits.push({
      positions,
      note: `The checkpoint goes beyond ${positions} tokens by dual chunk attention, which is not done here. The context ends there: within the first chunk it is plain attention.`,
    });
  }
  return limits;
}

/** transformers: `layer_types` where given, else the layers from `max_window_layers` on. */
function usesSlidingWindow(raw: RawConfig): boolean {
  if (raw.layer_types) return raw.layer_types.includes('sliding_attention');
  return raw.use_sliding_window && (raw.max_window_layers ?? 0) < raw.num_hidden_layers;
}
