import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { parseModelConfig } from './config';

const qwen = {
  architectures: ['Qwen2ForCausalLM'],
  hidden_size: 64,
  intermediate_size: 176,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 512,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  tie_word_embeddings: true,
  eos_token_id: [511, 510],
};

describe('parseModelConfig', () => {
  it('reads what the graph needs', () => {
    expect(parseModelConfig(qwen)).toMatchObject({
      ...{ hiddenSize: 64, layers: 2, queryHeads: 4, keyValueHeads: 2, headSize: 16 },
      ...{ tiedEmbeddings: true, eosTokenIds: [511, 510], bosTokenIds: [], maxPositions: 1024 },
      ...{ projectionBias: true, outputBias: false, headNorms: false, nativePositions: 1024, notes: [] },
      rope: { theta: 1e6, scaling: { type: 'default' } },
    });
  });

  it('takes an explicit head size, and as many key-value heads as query heads by default', () => {
    const llama = { ...qwen, architectures: ['LlamaForCausalLM'], head_dim: 32 };
    const { num_key_value_heads: _, ...rest } = llama;
    expect(parseModelConfig(rest)).toMatchObject({ headSize: 32, keyValueHeads: 4 });
    expect(parseModelConfig(rest)).toMatchObject({ projectionBias: false, outputBias: false });
  });

  it.each(['LlamaForCausalLM', 'Qwen3ForCausalLM'])(
    'gives %s attention biases where it asks for them',
    (name) => {
      const config = { ...qwen, architectures: [name] };
      expect(parseModelConfig(config)).toMatchObject({ projectionBias: false, outputBias: false });
      const biased = parseModelConfig({ ...config, attention_bias: true });
      expect(biased).toMatchObject({ projectionBias: true, outputBias: true });
    },
  );

  it('knows by the family whether heads are normalised', () => {
    expect(parseModelConfig({ ...qwen, architectures: ['Qwen3ForCausalLM'] }).headNorms).toBe(true);
  });

  it('ends the context where a sliding window or dual chunks would begin to matter, and says so', () => {
    const sliding = parseModelConfig({ ...qwen, use_sliding_window: true, sliding_window: 256 });
    expect(sliding).toMatchObject({ maxPositions: 256, notes: [expect.stringContaining('256 tokens')] });
    const chunks = { chunk_size: 512, local_size: 128, original_max_position_embeddings: 512 };
    const chunked = parseModelConfig({ ...qwen, dual_chunk_attention_config: chunks });
    expect(chunked).toMatchObject({ maxPositions: 384, notes: [expect.stringContaining('384 tokens')] });
  });

  it('does not mind a sliding window that no layer uses', () => {
    const unused = { ...qwen, use_sliding_window: true, sliding_window: 256, max_window_layers: 2 };
    expect(parseModelConfig(unused)).toMatchObject({ maxPositions: 1024, notes: [] });
    const full = { ...qwen, sliding_window: 256, layer_types: ['full_attention', 'full_attention'] };
    expect(parseModelConfig(full)).toMatchObject({ maxPositions: 1024, notes: [] });
  });

  it.each([
    [{ architectures: ['GPT2LMHeadModel'] }, /GPT2LMHeadModel is not supported/],
    [{ architectures: undefined, model_type: 'mamba' }, /mamba is not supported/],
    [{ hidden_act: 'gelu' }, /activation gelu/],
    [{ rope_scaling: { type: 'longrope', factor: 4 } }, /rotary scaling of type longrope/],
    [{ rope_parameters: { rope_type: 'mrope' } }, /rotary scaling of type mrope/],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, /a part of each head/],
    [{ use_sliding_window: true }, /sliding-window/],
    [{ layer_types: ['full_attention', 'linear_attention'] }, /layers of type linear_attention/],
    [{ quantization_config: { quant_method: 'gptq' } }, /quantised by gptq/],
    [{ attention_bias: true }, /bias on all attention/],
    [{ mlp_bias: true }, /bias in the MLP/],
  ])('refuses what it does not do: %j', (change, message) => {
    expect(() => parseModelConfig({ ...qwen, ...change })).toThrow(message);
    expect(() => parseModelConfig({ ...qwen, ...change })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }) as Error,
    );
  });

  it.each([
    [{ hidden_size: '64' }, /hidden_size/],
    [{ num_hidden_layers: 0 }, /num_hidden_layers/],
    [{ num_attention_heads: 3 }, /head size/],
    [{ num_key_value_heads: 3 }, /4 query heads cannot share 3/],
    [{ architectures: undefined }, /names no architecture/],
    [{ rope_theta: undefined, rope_parameters: { rope_theta: 'big' } }, /rope_theta/],
    [{ rope_scaling: { type: 'yarn' } }, /needs factor/],
    [{ rope_scaling: { type: 'linear', factor: 0.5 } }, /needs factor/],
    [
      { rope_scaling: { rope_type: 'llama3', factor: 8 } },
      /needs original_max_position_embeddings|needs low_freq/,
    ],
    [
      { rope_scaling: { type: 'yarn', factor: 4 }, rope_parameters: { rope_type: 'linear' } },
      /linear and yarn/,
    ],
    [{ dual_chunk_attention_config: { chunk_size: 8, local_size: 8 } }, /local_size/],
  ])('names the field that is wrong: %j', (change, message) => {
    expect(() => parseModelConfig({ ...qwen, ...change })).toThrow(message);
    expect(() => parseModelConfig({ ...qwen, ...change })).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }) as Error,
    );
  });

  it('answers any JSON with a config or an AppError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc
            .dictionary(fc.constantFrom(...Object.keys(qwen)), fc.jsonValue())
            .map((c) => ({ ...qwen, ...c })),
        ),
        (json) => {
          try {
            parseModelConfig(json);
          } catch (error) {
            expect(error).toBeInstanceOf(AppError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
