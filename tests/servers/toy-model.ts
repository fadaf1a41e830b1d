/** A Qwen2 model of one layer with random weights and the toy tokenizer: everything a model folder has, in 30 KB. */
import { createHash } from 'node:crypto';
import { Random } from '../../src/lm/random';
import { TOY_TOKENIZER_CONFIG, toyTokenizerJson } from '../../src/lm/text/toy-tokenizer';
import type { Registry, RegistryModel } from '../../src/protocol/registry';

export const TOY_CONFIG = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  vocab_size: 280,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
  eos_token_id: 1,
};

/** `model.safetensors` */
export function toyCheckpoint(): Uint8Array<ArrayBuffer> {
  const { hidden_size: hidden, intermediate_size: wide, vocab_size: vocab } = TOY_CONFIG;
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [vocab, hidden],
    'model.norm.weight': [hidden],
  };
  const layer = 'model.layers.0';
  for (const name of ['q', 'k', 'v']) {
    shapes[`${layer}.self_attn.${name}_proj.weight`] = [hidden, hidden];
    shapes[`${layer}.self_attn.${name}_proj.bias`] = [hidden];
  }
  shapes[`${layer}.self_attn.o_proj.weight`] = [hidden, hidden];
  for (const name of ['input', 'post_attention']) shapes[`${layer}.${name}_layernorm.weight`] = [hidden];
  for (const name of ['gate', 'up']) shapes[`${layer}.mlp.${name}_proj.weight`] = [wide, hidden];
  shapes[`${layer}.mlp.down_proj.weight`] = [hidden, wide];
  const random = new Random(7);
  const header: Record<string, unknown> = {};
  const values: number[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const count = shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [values.length * 4, (values.length + count) * 4] };
    for (let i = 0; i < count; i++) values.push(random.uniform() - 0.5);
  }
  const head = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + head.length + values.length * 4);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  file.set(new Uint8Array(Float32Array.from(values).buffer), 8 + head.length);
  return file;
}

/** The files of the folder by name. */
export function toyModelFolder(): Map<string, Uint8Array<ArrayBuffer>> {
  const json = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  return new Map([
    ['config.json', json(TOY_CONFIG)],
    ['generation_config.json', json({ eos_token_id: [278, 279] })],
    ['tokenizer.json', json(toyTokenizerJson())],
    ['tokenizer_config.json', json(TOY_TOKENIZER_CONFIG)],
    ['model.safetensors', toyCheckpoint()],
  ]);
}

export function toyRegistry(
  folder: ReadonlyMap<string, Uint8Array> = toyModelFolder(),
  id = 'toy',
): Registry {
  const files = [...folder].map(([path, bytes]) => ({
    path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  }));
  const model: RegistryModel = {
    ...{
      id,
      title: 'A toy',
      role: 'language-model',
      description: '',
      licence: 'Apache-2.0',
      howMade: 'Random.',
    },
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files,
  };
  return { models: [model], published: [] };
}
