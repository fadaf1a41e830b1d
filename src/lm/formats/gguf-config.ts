/** The `config.json` that a GGUF file's metadata amount to. */
import { AppError } from '../../protocol/errors';
import type { GgufFile } from './gguf';

const ARCHITECTURES: Record<string, string> = {
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
  llama: 'LlamaForCausalLM',
};

function refuse(message: string, fix: string): never {
  throw new AppError('UNSUPPORTED', message, { fix });
}

/** @throws AppError UNSUPPORTED naming the architecture; what is missing is left for the config's own checks to say. */
export function ggufConfig({ metadata, tensors }: GgufFile): Record<string, unknown> {
  const type = metadata.get('general.architecture');
  if (typeof type !== 'string' || !Object.hasOwn(ARCHITECTURES, type)) {
    const name = typeof type === 'string' ? type.slice(0, 80) : 'unnamed';
    return refuse(
      `The GGUF file's architecture, ${name}, is not supported.`,
      `Choose a model of one of these: ${Object.keys(ARCHITECTURES).join(', ')}.`,
    );
  }
  const read = (key: string): unknown => metadata.get(`${type}.${key}`);
  // The first size is the row count: sizes stand in the file the other way round.
  const vocabSize = tensors.get('token_embd.weight')?.shape[0] ?? read('vocab_size');
  const special = (key: string): unknown => metadata.get(`tokenizer.ggml.${key}_token_id`);
  const config: Record<string, unknown> = {
    architectures: [ARCHITECTURES[type]],
    model_type: type,
    hidden_size: read('embedding_length'),
    intermediate_size: read('feed_forward_length'),
    num_hidden_layers: read('block_count'),
    num_attention_heads: read('attention.head_count'),
    num_key_value_heads: read('attention.head_count_kv'),
    head_dim: read('attention.key_length'),
    vocab_size: vocabSize,
    max_position_embeddings: read('context_length'),
    rms_norm_eps: read('attention.layer_norm_rms_epsilon'),
    rope_theta: read('rope.freq_base'),
    rope_scaling: ropeScaling(read),
    tie_word_embeddings: !tensors.has('output.weight'),
    // The biases that a family always has are not asked for here.
    ...(type !== 'qwen2' && { attention_bias: tensors.has('blk.0.attn_q.bias') }),
    bos_token_id: special('bos'),
    eos_token_id: special('eos'),
  };
  for (const [key, value] of Object.entries(config))
    if (value === undefined) Reflect.deleteProperty(config, key);
  return config;
}

function ropeScaling(read: (key: string) => unknown): Record<string, unknown> | undefined {
  const type = read('rope.scaling.type');
  if (type === undefined || type === 'none') return undefined;
  return {
    rope_type: type,
    factor: read('rope.scaling.factor'),
    original_max_position_embeddings: read('rope.scaling.original_context_length'),
    ...(read('rope.scaling.attn_factor') !== undefined && {
      attention_factor: read('rope.scaling.attn_factor'),
    }),
  };
}
