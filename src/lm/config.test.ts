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
      ...{ hiddenSize: 64, layers: 2, queryHeads: 4, keyValueHeads: 2, headSize: 16, ropeTheta: 1e6 },
      ...{ tiedEmbeddings: true, eosTokenIds: [511, 510], bosTokenIds: [], maxPositions: 1024 },
      family: { projectionBias: true },
    });
  });

  it('takes an explicit head size, and as many key-value heads as query heads by default', () => {
    const llama = { ...qwen, architectures: ['LlamaForCausalLM'], head_dim: 32 };
    const { num_key_value_heads: _, ...rest } = llama;
    expect(parseModelConfig(rest)).toMatchObject({ headSize: 32, keyValueHeads: 4 });
    expect(parseModelConfig(rest).family.projectionBias).toBe(false);
  });

  it('finds theta where newer configs keep it', () => {
    const { rope_theta: _, ...rest } = qwen;
    const config = { ...rest, rope_parameters: { rope_type: 'default', rope_theta: 5e5 } };
    expect(parseModelConfig(config).ropeTheta).toBe(5e5);
  });

  it.each([
    [{ architectures: ['GPT2LMHeadModel'] }, /GPT2LMHeadModel is not supported/],
    [{ architectures: undefined, model_type: 'mamba' }, /mamba is not supported/],
    [{ hidden_act: 'gelu' }, /activation gelu/],
    [{ rope_scaling: { type: 'yarn', factor: 4 } }, /rotary scaling of type yarn/],
    [{ use_sliding_window: true }, /sliding-window/],
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
