/**
 * Checkpoints of any size in the hub's layout, whose bytes are a function of their place: nothing is stored, every range can be read.
 * The names and shapes are written down here once more, as the released checkpoints have them.
 */
import { createHash } from 'node:crypto';
import type { HubFile } from '../servers/hub-files';

export interface ShapeConfig {
  architectures: string[];
  model_type: string;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim?: number;
  vocab_size: number;
  tie_word_embeddings: boolean;
  [other: string]: unknown;
}

export type FloatType = 'BF16' | 'F16' | 'F32';

export interface NamedShape {
  name: string;
  shape: number[];
}

/** In alphabetical order, as safetensors are saved. */
export function tensorsOf(config: ShapeConfig): NamedShape[] {
  const { hidden_size: hidden, intermediate_size: intermediate, vocab_size: vocab } = config;
  const head = config.head_dim ?? hidden / config.num_attention_heads;
  const [queries, keys] = [config.num_attention_heads * head, config.num_key_value_heads * head];
  const list: [string, number[]][] = [
    ['model.embed_tokens.weight', [vocab, hidden]],
    ['model.norm.weight', [hidden]],
    ...(config.tie_word_embeddings ? [] : [['lm_head.weight', [vocab, hidden]] as [string, number[]]]),
  ];
  for (let layer = 0; layer < config.num_hidden_layers; layer += 1) {
    const at = `model.layers.${layer}`;
    list.push(
      [`${at}.input_layernorm.weight`, [hidden]],
      [`${at}.post_attention_layernorm.weight`, [hidden]],
      [`${at}.mlp.down_proj.weight`, [hidden, intermediate]],
      [`${at}.mlp.gate_proj.weight`, [intermediate, hidden]],
      [`${at}.mlp.up_proj.weight`, [intermediate, hidden]],
      [`${at}.self_attn.q_proj.weight`, [queries, hidden]],
      [`${at}.self_attn.k_proj.weight`, [keys, hidden]],
      [`${at}.self_attn.v_proj.weight`, [keys, hidden]],
      [`${at}.self_attn.o_proj.weight`, [hidden, queries]],
    );
    if (config.model_type === 'qwen2') {
      list.push(
        [`${at}.self_attn.q_proj.bias`, [queries]],
        [`${at}.self_attn.k_proj.bias`, [keys]],
        [`${at}.self_attn.v_proj.bias`, [keys]],
      );
    }
    if (config.model_type === 'qwen3') {
      list.push([`${at}.self_attn.q_norm.weight`, [head]], [`${at}.self_attn.k_norm.weight`, [head]]);
    }
  }
  return list.map(([name, shape]) => ({ name, shape })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

const NOISE = 1 << 16;
const WIDTH: Record<FloatType, number> = { BF16: 2, F16: 2, F32: 4 };

/** Values between −0.06 and 0.06, as exact bfloat16 numbers, so that every type holds the same. */
const noise = Float32Array.from({ length: NOISE }, (_, i) => {
  const uniform = (Math.imul(i + 1, 0x9e3779b1) >>> 0) / 2 ** 32;
  const bits = new Uint32Array(Float32Array.of((uniform - 0.5) * 0.12).buffer);
  return new Float32Array(Uint32Array.of(bits[0]! & 0xffff0000).buffer)[0]!;
});

/** Element `index` of a tensor; norms are near 1. */
export function valueAt(name: string, index: number): number {
  const value = noise[(index + Math.imul(index >>> 16, 7919) + seedOf(name)) & (NOISE - 1)]!;
  return /norm\.weight$/.test(name) ? 1 : value;
}

const seeds = new Map<string, number>();
function seedOf(name: string): number {
  let seed = seeds.get(name);
  if (seed === undefined) seeds.set(name, (seed = createHash('md5').update(name).digest().readUInt16LE(0)));
  return seed;
}

function elementBytes(name: string, type: FloatType, from: number, to: number): Uint8Array {
  const floats = new Float32Array(to - from);
  for (let i = 0; i < floats.length; i += 1) floats[i] = valueAt(name, from + i);
  if (type === 'F32') return new Uint8Array(floats.buffer);
  if (type === 'F16') return new Uint8Array(Uint16Array.from(floats, halfBits).buffer);
  const words = new Uint16Array(floats.buffer);
  return new Uint8Array(Uint16Array.from({ length: floats.length }, (_, i) => words[2 * i + 1]!).buffer);
}

/** For values of moderate size alone, which these are; rounded to nearest, which is exact for all but the smallest. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = Math.round(magnitude / 2 ** (exponent - 10));
  return (value < 0 ? 0x8000 : 0) | (((exponent + 14) << 10) + steps);
}

/** One safetensors file. */
export function madeSafetensors(tensors: readonly NamedShape[], type: FloatType): HubFile {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const spans: { name: string; from: number; to: number }[] = [];
  let at = 0;
  for (const { name, shape } of tensors) {
    const bytes = shape.reduce((product, size) => product * size, WIDTH[type]);
    header[name] = { dtype: type, shape, data_offsets: [at, at + bytes] };
    spans.push({ name, from: at, to: at + bytes });
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8 + json.length);
  head.writeBigUInt64LE(BigInt(json.length));
  json.copy(head, 8);
  return {
    size: head.length + at,
    etag: createHash('sha256').update(json).digest('hex'),
    read(start, end) {
      const out = new Uint8Array(end - start);
      if (start < head.length) out.set(head.subarray(start, Math.min(end, head.length)));
      for (const { name, from, to } of spans) {
        const [first, last] = [Math.max(start - head.length, from), Math.min(end - head.length, to)];
        if (first >= last) continue;
        const [a, b] = [Math.floor((first - from) / WIDTH[type]), Math.ceil((last - from) / WIDTH[type])];
        const bytes = elementBytes(name, type, a, b);
        const skip = first - from - a * WIDTH[type];
        out.set(bytes.subarray(skip, skip + last - first), first + head.length - start);
      }
      return out;
    },
  };
}

export const madeText = (text: string): HubFile => {
  const bytes = Buffer.from(text);
  return {
    size: bytes.length,
    etag: createHash('sha256').update(bytes).digest('hex'),
    read: (start, end) => bytes.subarray(start, end),
  };
};

export interface MadeOptions {
  config: ShapeConfig;
  type: FloatType;
  /** A file holds tensors up to here. Default: all in one file. */
  fileBytes?: number;
  /** Further files by name. */
  texts?: Record<string, string>;
}

/** The files of a whole checkpoint by path. */
export function madeCheckpoint({ config, type, fileBytes = Infinity, texts = {} }: MadeOptions): Map<string, HubFile> {
  const groups: NamedShape[][] = [[]];
  let bytes = 0;
  for (const tensor of tensorsOf(config)) {
    const size = tensor.shape.reduce((product, length) => product * length, WIDTH[type]);
    if (bytes > 0 && bytes + size > fileBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(tensor);
    bytes += size;
  }
  const files = new Map<string, HubFile>([['config.json', madeText(JSON.stringify(config))]]);
  const number = (value: number): string => String(value).padStart(5, '0');
  const weightMap: Record<string, string> = {};
  groups.forEach((tensors, i) => {
    const name =
      groups.length === 1
        ? 'model.safetensors'
        : `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`;
    files.set(name, madeSafetensors(tensors, type));
    for (const tensor of tensors) weightMap[tensor.name] = name;
  });
  if (groups.length > 1) {
    files.set('model.safetensors.index.json', madeText(JSON.stringify({ metadata: {}, weight_map: weightMap })));
  }
  for (const [name, text] of Object.entries(texts)) files.set(name, madeText(text));
  return files;
}

/** The same under a repository's name, for the loopback hub. */
export const inRepository = (repository: string, files: ReadonlyMap<string, HubFile>): Map<string, HubFile> =>
  new Map([...files].map(([path, file]) => [`${repository}/${path}`, file]));

const QWEN25 = {
  architectures: ['Qwen2ForCausalLM'],
  ...{ attention_dropout: 0, bos_token_id: 151643, eos_token_id: 151645, hidden_act: 'silu' },
  ...{ initializer_range: 0.02, max_position_embeddings: 32768, model_type: 'qwen2', rms_norm_eps: 1e-6 },
  ...{ rope_theta: 1000000, sliding_window: 32768, torch_dtype: 'bfloat16', use_cache: true },
  use_sliding_window: false,
};

/** As released, `config.json` of Qwen2.5-…-Instruct. */
export const QWEN_CONFIGS = {
  '0.5B': {
    ...QWEN25,
    ...{ hidden_size: 896, intermediate_size: 4864, max_window_layers: 21, num_attention_heads: 14 },
    ...{ num_hidden_layers: 24, num_key_value_heads: 2, tie_word_embeddings: true, vocab_size: 151936 },
  },
  '1.5B': {
    ...QWEN25,
    ...{ hidden_size: 1536, intermediate_size: 8960, max_window_layers: 21, num_attention_heads: 12 },
    ...{ num_hidden_layers: 28, num_key_value_heads: 2, tie_word_embeddings: true, vocab_size: 151936 },
  },
  '3B': {
    ...QWEN25,
    ...{ hidden_size: 2048, intermediate_size: 11008, max_window_layers: 70, num_attention_heads: 16 },
    ...{ num_hidden_layers: 36, num_key_value_heads: 2, tie_word_embeddings: true, vocab_size: 151936 },
  },
  '7B': {
    ...QWEN25,
    ...{ hidden_size: 3584, intermediate_size: 18944, max_window_layers: 28, num_attention_heads: 28 },
    ...{ num_hidden_layers: 28, num_key_value_heads: 4, tie_word_embeddings: false, vocab_size: 152064 },
  },
} satisfies Record<string, ShapeConfig>;

/** Everything like the 0.5B model, at a size for tests. */
export const SMALL_QWEN: ShapeConfig = {
  ...QWEN_CONFIGS['0.5B'],
  ...{ hidden_size: 64, intermediate_size: 160, num_attention_heads: 4, num_hidden_layers: 3, vocab_size: 512 },
  ...{ max_position_embeddings: 256, bos_token_id: 1, eos_token_id: 2 },
};
