/** The configs of the released checkpoints that this engine is made for, field by field as they were published. */
import { describe, expect, it } from 'vitest';
import { parseModelConfig } from './config';
import { weightTable, type WeightSlot } from './weights-table';

const qwen25 = {
  ...{
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_act: 'silu',
    initializer_range: 0.02,
  },
  ...{ attention_dropout: 0, max_position_embeddings: 32768, rms_norm_eps: 1e-6, rope_theta: 1e6 },
  ...{ sliding_window: 32768, use_sliding_window: false, use_cache: true, torch_dtype: 'bfloat16' },
  ...{ bos_token_id: 151643, eos_token_id: 151645, transformers_version: '4.43.1', vocab_size: 151936 },
};
const qwen25Half = {
  ...{ ...qwen25, hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, max_window_layers: 21 },
  ...{ num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: true },
};
const qwen25Small = {
  ...{ ...qwen25, hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, max_window_layers: 21 },
  ...{ num_attention_heads: 12, num_key_value_heads: 2, tie_word_embeddings: true },
};
const qwen25Three = {
  ...{ ...qwen25, hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36, max_window_layers: 70 },
  ...{ num_attention_heads: 16, num_key_value_heads: 2, tie_word_embeddings: true },
};
const qwen25Seven = {
  ...{ ...qwen25, hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, max_window_layers: 28 },
  ...{ num_attention_heads: 28, num_key_value_heads: 4, tie_word_embeddings: false, vocab_size: 152064 },
};
const qwen3 = {
  ...{
    architectures: ['Qwen3ForCausalLM'],
    model_type: 'qwen3',
    hidden_act: 'silu',
    initializer_range: 0.02,
  },
  ...{
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: 151643,
    eos_token_id: 151645,
    head_dim: 128,
  },
  ...{ max_position_embeddings: 40960, num_key_value_heads: 8, rms_norm_eps: 1e-6, rope_scaling: null },
  ...{ rope_theta: 1e6, sliding_window: null, tie_word_embeddings: true, torch_dtype: 'bfloat16' },
  ...{ use_cache: true, use_sliding_window: false, vocab_size: 151936, transformers_version: '4.51.0' },
};
const llama32 = {
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', attention_bias: false },
  ...{ bos_token_id: 128000, eos_token_id: [128001, 128008, 128009], head_dim: 64, hidden_size: 2048 },
  ...{ intermediate_size: 8192, max_position_embeddings: 131072, mlp_bias: false, num_attention_heads: 32 },
  ...{ num_hidden_layers: 16, num_key_value_heads: 8, pretraining_tp: 1, rms_norm_eps: 1e-5 },
  ...{ rope_theta: 5e5, tie_word_embeddings: true, torch_dtype: 'bfloat16', vocab_size: 128256 },
  rope_scaling: {
    ...{ factor: 32, high_freq_factor: 4, low_freq_factor: 1 },
    ...{ original_max_position_embeddings: 8192, rope_type: 'llama3' },
  },
};

interface Released {
  name: string;
  config: object;
  /** As published, a head that is tied to the embedding counted once. */
  parameters: number;
  context: number;
}

const released: Released[] = [
  { name: 'Qwen/Qwen2.5-0.5B-Instruct', config: qwen25Half, parameters: 494_032_768, context: 32768 },
  { name: 'Qwen/Qwen2.5-1.5B-Instruct', config: qwen25Small, parameters: 1_543_714_304, context: 32768 },
  { name: 'Qwen/Qwen2.5-3B-Instruct', config: qwen25Three, parameters: 3_085_938_688, context: 32768 },
  {
    name: 'Qwen/Qwen2.5-7B-Instruct',
    config: { ...qwen25Seven, sliding_window: 131072 },
    ...{ parameters: 7_615_616_512, context: 32768 },
  },
  {
    name: 'Qwen/Qwen2.5-7B-Instruct as its model card extends it',
    config: {
      ...{ ...qwen25Seven, sliding_window: 131072 },
      rope_scaling: { factor: 4, original_max_position_embeddings: 32768, type: 'yarn' },
    },
    ...{ parameters: 7_615_616_512, context: 131072 },
  },
  {
    name: 'Qwen/Qwen2.5-7B-Instruct-1M',
    config: {
      ...{ ...qwen25Seven, max_position_embeddings: 1_010_000, rope_theta: 1e7, sliding_window: 1_010_000 },
      dual_chunk_attention_config: {
        ...{ chunk_size: 262144, local_size: 8192, original_max_position_embeddings: 262144 },
      },
    },
    ...{ parameters: 7_615_616_512, context: 253952 },
  },
  {
    name: 'pat-jj/s3-8-3-3-20steps',
    config: {
      ...{ ...qwen25Seven, rope_scaling: null, sliding_window: null, pad_token_id: 151643 },
      transformers_version: '4.47.1',
    },
    ...{ parameters: 7_615_616_512, context: 32768 },
  },
  {
    name: 'PeterJinGo/SearchR1 on Qwen2.5-3B, in fp32',
    config: { ...qwen25Three, max_window_layers: 36, eos_token_id: 151643, torch_dtype: 'float32' },
    ...{ parameters: 3_085_938_688, context: 32768 },
  },
  {
    name: 'PeterJinGo/SearchR1 on Qwen2.5-7B, in fp32',
    config: {
      ...{ ...qwen25Seven, max_position_embeddings: 131072, sliding_window: null },
      ...{ eos_token_id: 151643, torch_dtype: 'float32' },
    },
    ...{ parameters: 7_615_616_512, context: 131072 },
  },
  {
    name: 'Qwen/Qwen3-0.6B',
    config: {
      ...{ ...qwen3, hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 28 },
      ...{ num_attention_heads: 16, max_window_layers: 28 },
    },
    ...{ parameters: 596_049_920, context: 40960 },
  },
  {
    name: 'Qwen/Qwen3-1.7B',
    config: {
      ...{ ...qwen3, hidden_size: 2048, intermediate_size: 6144, num_hidden_layers: 28 },
      ...{ num_attention_heads: 16, max_window_layers: 28 },
    },
    ...{ parameters: 1_720_574_976, context: 40960 },
  },
  {
    name: 'Qwen/Qwen3-4B',
    config: {
      ...{ ...qwen3, hidden_size: 2560, intermediate_size: 9728, num_hidden_layers: 36 },
      ...{ num_attention_heads: 32, max_window_layers: 36 },
    },
    ...{ parameters: 4_022_468_096, context: 40960 },
  },
  { name: 'meta-llama/Llama-3.2-1B', config: llama32, parameters: 1_235_814_400, context: 131072 },
];

function countParameters(config: object): number {
  const parsed = parseModelConfig(config);
  const { embedding, layers, finalNorm, head } = weightTable(parsed);
  const sizeOf = (slot: WeightSlot): number => slot.shape.reduce((product, size) => product * size, 1);
  const slots = layers.flatMap(({ headNorms, ...others }) => [
    ...Object.values(others),
    headNorms?.query,
    headNorms?.key,
  ]);
  const unique = new Set([embedding, finalNorm, head, ...slots.filter((slot) => slot !== undefined)]);
  return [...unique].reduce((sum, slot) => sum + sizeOf(slot), 0);
}

describe('the config of a released checkpoint', () => {
  it.each(released)('is understood: $name', ({ config, parameters, context }) => {
    const parsed = parseModelConfig(config);
    expect(parsed).toMatchObject({ maxPositions: context, nativePositions: context, outputBias: false });
    expect(parsed.notes).toHaveLength('dual_chunk_attention_config' in config ? 1 : 0);
    expect(countParameters(config)).toBe(parameters);
  });

  it('is the same to the engine in the newer spelling of transformers 5', () => {
    const { rope_theta, rope_scaling, torch_dtype, ...rest } = llama32;
    const rope_parameters = { rope_theta, ...rope_scaling };
    expect(parseModelConfig({ ...rest, dtype: torch_dtype, rope_parameters })).toEqual(
      parseModelConfig(llama32),
    );
    const { rope_theta: theta, ...others } = qwen25Half;
    const layer_types = Array.from({ length: 24 }, () => 'full_attention');
    const newer = { ...others, layer_types, rope_parameters: { rope_theta: theta, rope_type: 'default' } };
    expect(parseModelConfig(newer)).toEqual(parseModelConfig(qwen25Half));
  });
});
