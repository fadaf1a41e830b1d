/** The models that both engines run: weights in memory, in the order and types of a checkpoint. */
import { readFile } from 'node:fs/promises';
import { bytesSource, type ByteSource } from '../../src/lm/byte-source';
import { parseModelConfig, type ModelConfig } from '../../src/lm/config';
import { widen } from '../../src/lm/floats';
import { Random } from '../../src/lm/random';
import { openSafetensors } from '../../src/lm/safetensors';

export interface BenchModel {
  /** For people: `demo (4 layers × 128)`. */
  label: string;
  /** Parsed `config.json`. */
  json: unknown;
  config: ModelConfig;
  source: ByteSource;
  /** What both engines keep the linear layers in. */
  weights: 'f32' | 'q4';
  tensors: Map<string, { shape: number[]; values: Float32Array }>;
}

async function openModel(
  name: string,
  json: unknown,
  bytes: Uint8Array,
  weights: BenchModel['weights'] = 'f32',
): Promise<BenchModel> {
  const config = parseModelConfig(json);
  const source = bytesSource(`${name}/model.safetensors`, bytes);
  const tensors: BenchModel['tensors'] = new Map();
  for (const { name: tensor, dtype, shape, offset, bytes: length } of (
    await openSafetensors(source)
  ).tensors.values()) {
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') throw new Error(`${tensor} is ${dtype}.`);
    tensors.set(tensor, { shape, values: widen(await source.read(offset, length), dtype) });
  }
  const label = `${name} (${config.layers} layers × ${config.hiddenSize}, ${weights})`;
  return { label, json, config, source, weights, tensors };
}

export async function demoModel(folder: URL): Promise<BenchModel> {
  const json = JSON.parse(await readFile(new URL('config.json', folder), 'utf8')) as unknown;
  return openModel('demo', json, await readFile(new URL('model.safetensors', folder)));
}

interface Sizes {
  hidden: number;
  intermediate: number;
  layers: number;
  vocabulary: number;
  heads: number;
  keyValueHeads: number;
}

/** The demo's architecture at twice the width, with grouped-query attention. */
export const randomModel = (seed: number): Promise<BenchModel> =>
  qwen2Model('random', seed, 'f32', {
    ...{ hidden: 256, intermediate: 768, layers: 4, vocabulary: 4096, heads: 8, keyValueHeads: 4 },
  });

/** Layers of Qwen2.5-0.5B's shapes in 4 bits: four of its 24, and a tenth of its vocabulary. */
export const quantisedModel = (seed: number): Promise<BenchModel> =>
  qwen2Model('like Qwen2.5-0.5B', seed, 'q4', {
    ...{ hidden: 896, intermediate: 4864, layers: 4, vocabulary: 15200, heads: 14, keyValueHeads: 2 },
  });

/** Two such layers, and a vocabulary that hardly counts, for training. */
export const trainingModel = (seed: number): Promise<BenchModel> =>
  qwen2Model('like Qwen2.5-0.5B', seed, 'q4', {
    ...{ hidden: 896, intermediate: 4864, layers: 2, vocabulary: 512, heads: 14, keyValueHeads: 2 },
  });

/** Weights from a seed. */
async function qwen2Model(
  name: string,
  seed: number,
  weights: BenchModel['weights'],
  sizes: Sizes,
): Promise<BenchModel> {
  const { hidden, intermediate, layers, vocabulary: vocab, heads, keyValueHeads } = sizes;
  const keyValueWidth = (hidden / heads) * keyValueHeads;
  const shapes: Record<string, number[]> = { 'model.embed_tokens.weight': [vocab, hidden] };
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `model.layers.${layer}`;
    shapes[`${at}.input_layernorm.weight`] = [hidden];
    for (const [letter, width] of [
      ['q', hidden],
      ['k', keyValueWidth],
      ['v', keyValueWidth],
    ] as const) {
      shapes[`${at}.self_attn.${letter}_proj.weight`] = [width, hidden];
      shapes[`${at}.self_attn.${letter}_proj.bias`] = [width];
    }
    shapes[`${at}.self_attn.o_proj.weight`] = [hidden, hidden];
    shapes[`${at}.post_attention_layernorm.weight`] = [hidden];
    shapes[`${at}.mlp.gate_proj.weight`] = [intermediate, hidden];
    shapes[`${at}.mlp.up_proj.weight`] = [intermediate, hidden];
    shapes[`${at}.mlp.down_proj.weight`] = [hidden, intermediate];
  }
  shapes['model.norm.weight'] = [hidden];
  const json = {
    ...{ architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', tie_word_embeddings: true },
    ...{ vocab_size: vocab, hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: layers },
    ...{ num_attention_heads: heads, num_key_value_heads: keyValueHeads, max_position_embeddings: 2048 },
    ...{ hidden_act: 'silu', rms_norm_eps: 1e-6, rope_theta: 10000 },
  };
  return openModel(name, json, randomCheckpoint(shapes, new Random(seed)), weights);
}

/** A safetensors file of f32 values that keep activations of order one. */
function randomCheckpoint(shapes: Record<string, number[]>, random: Random): Uint8Array {
  const header: Record<string, { dtype: 'F32'; shape: number[]; data_offsets: [number, number] }> = {};
  const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const begin = end;
    end += 4 * count(shape);
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const head = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + head.length + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const [name, shape] of Object.entries(shapes)) {
    const isNorm = name.endsWith('norm.weight');
    const reach = isNorm || shape.length === 1 ? 0.1 : Math.sqrt(3 / (shape[1] ?? 1));
    for (let i = count(shape); i > 0; i -= 1, at += 4) {
      view.setFloat32(at, (isNorm ? 1 : 0) + reach * (2 * random.uniform() - 1), true);
    }
  }
  return bytes;
}
