/** Writes GGUF files for tests, as the specification of the format says; a writer of its own, so that the reader is not its own witness. */

export type MadeValue =
  | { type: 'u8' | 'i32' | 'u32' | 'f32' | 'u64' | 'bool'; value: number }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'i32s' | 'f32s'; value: readonly number[] };

export interface MadeTensor {
  name: string;
  /** Row-major. */
  shape: readonly number[];
  /** The number of the type in GGML. */
  type: number;
  bytes: Uint8Array;
}

export const GGML = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14, BF16: 30 } as const;

const NUMBERS = {
  u8: [0, 1, (view: DataView, value: number) => view.setUint8(0, value)],
  u32: [4, 4, (view: DataView, value: number) => view.setUint32(0, value, true)],
  i32: [5, 4, (view: DataView, value: number) => view.setInt32(0, value, true)],
  f32: [6, 4, (view: DataView, value: number) => view.setFloat32(0, value, true)],
  bool: [7, 1, (view: DataView, value: number) => view.setUint8(0, value)],
  u64: [10, 8, (view: DataView, value: number) => view.setBigUint64(0, BigInt(value), true)],
} as const;

function number(type: keyof typeof NUMBERS, value: number): Uint8Array {
  const [, width, set] = NUMBERS[type];
  const bytes = new Uint8Array(width);
  set(new DataView(bytes.buffer), value);
  return bytes;
}

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return join([number('u64', bytes.length), bytes]);
}

function encode(entry: MadeValue): Uint8Array {
  const list = (type: number, items: Uint8Array[]): Uint8Array =>
    join([number('u32', 9), number('u32', type), number('u64', items.length), ...items]);
  switch (entry.type) {
    case 'string':
      return join([number('u32', 8), text(entry.value)]);
    case 'strings':
      return list(8, entry.value.map(text));
    case 'i32s':
      return list(
        5,
        entry.value.map((value) => number('i32', value)),
      );
    case 'f32s':
      return list(
        6,
        entry.value.map((value) => number('f32', value)),
      );
    default:
      return join([number('u32', NUMBERS[entry.type][0]), number(entry.type, entry.value)]);
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const padding = (length: number): Uint8Array => new Uint8Array((32 - (length % 32)) % 32);

export function madeGguf(
  metadata: Readonly<Record<string, MadeValue>>,
  tensors: readonly MadeTensor[],
  version = 3,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [
    new TextEncoder().encode('GGUF'),
    number('u32', version),
    number('u64', tensors.length),
    number('u64', Object.keys(metadata).length),
  ];
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), encode(value));
  let offset = 0;
  for (const { name, shape, type, bytes } of tensors) {
    parts.push(text(name), number('u32', shape.length));
    for (const size of shape.toReversed()) parts.push(number('u64', size));
    parts.push(number('u32', type), number('u64', offset));
    offset += bytes.length + padding(bytes.length).length;
  }
  const header = join(parts);
  return join([
    header,
    padding(header.length),
    ...tensors.flatMap(({ bytes }) => [bytes, padding(bytes.length)]),
  ]);
}

const PARTS: Record<string, string> = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  ...{ q_proj: 'attn_q', k_proj: 'attn_k', v_proj: 'attn_v', o_proj: 'attn_output' },
  ...{ q_norm: 'attn_q_norm', k_norm: 'attn_k_norm' },
  ...{ gate_proj: 'ffn_gate', up_proj: 'ffn_up', down_proj: 'ffn_down' },
};

/** As llama.cpp's converter names a tensor. */
export function ggufName(name: string): string {
  const layer = /^model\.layers\.(\d+)\.(?:self_attn\.|mlp\.)?(\w+)\.(weight|bias)$/.exec(name);
  if (layer) return `blk.${layer[1]!}.${PARTS[layer[2]!]!}.${layer[3]!}`;
  return { 'model.embed_tokens.weight': 'token_embd.weight', 'model.norm.weight': 'output_norm.weight' }[name] ?? 'output.weight';
}

interface HuggingFaceConfig {
  model_type: string;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim?: number | null;
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
}

/** The metadata that stand for a `config.json`. */
export function ggufMetadata(config: HuggingFaceConfig): Record<string, MadeValue> {
  const at = config.model_type;
  return {
    'general.architecture': { type: 'string', value: at },
    [`${at}.embedding_length`]: { type: 'u32', value: config.hidden_size },
    [`${at}.feed_forward_length`]: { type: 'u32', value: config.intermediate_size },
    [`${at}.block_count`]: { type: 'u32', value: config.num_hidden_layers },
    [`${at}.attention.head_count`]: { type: 'u32', value: config.num_attention_heads },
    [`${at}.attention.head_count_kv`]: { type: 'u32', value: config.num_key_value_heads },
    ...(typeof config.head_dim === 'number' && {
      [`${at}.attention.key_length`]: { type: 'u32', value: config.head_dim } as const,
    }),
    [`${at}.context_length`]: { type: 'u32', value: config.max_position_embeddings },
    [`${at}.attention.layer_norm_rms_epsilon`]: { type: 'f32', value: config.rms_norm_eps },
    [`${at}.rope.freq_base`]: { type: 'f32', value: config.rope_theta },
  };
}

/** llama.cpp's order of a query's or key's rows in `llama` files: the two halves of each head interleaved. */
export function interleaveHeads(rows: Float32Array, heads: number, shape: readonly number[]): Float32Array {
  const [count = 0, columns = 1] = shape;
  const size = count / heads;
  const out = new Float32Array(rows.length);
  for (let head = 0; head < heads; head += 1) {
    for (let half = 0; half < 2; half += 1) {
      for (let pair = 0; pair < size / 2; pair += 1) {
        const from = head * size + half * (size / 2) + pair;
        const to = head * size + 2 * pair + half;
        out.set(rows.subarray(from * columns, (from + 1) * columns), to * columns);
      }
    }
  }
  return out;
}
