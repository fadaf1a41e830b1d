/**
 * Writes tests/fixtures/tiny-decoder-onnx: a Qwen2 model with random weights, small enough to commit, in two forms: safetensors, which the
 * project's own engine reads, and ONNX with a cache, inputs and outputs named as Optimum exports them, for `@huggingface/transformers`.
 * Both must write the same texts.
 *
 *   npx tsx tools/test-models/make-tiny-decoder.ts tests/fixtures/tiny-decoder-onnx
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphWriter } from '../../bench/onnx/graph';
import { Random } from '../../src/lm/random';
import { TOY_CHAT_TEMPLATE, toyTokenizer, toyTokenizerJson } from '../../src/lm/text/toy-tokenizer';

const SEED = 20261121;
const [HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD_SIZE, VOCAB, POSITIONS] = [32, 48, 2, 4, 2, 8, 280, 1024];
const [THETA, EPSILON] = [10_000, 1e-6];
const GROUP = HEADS / KV_HEADS;

interface Matrix {
  shape: number[];
  values: Float32Array;
}

/** Multiples of 2⁻⁶ in [−1, 1]: exact in 16 bits, so that both files hold the same numbers. */
function randomTensor(random: Random, shape: number[], scale: number, offset = 0): Matrix {
  const length = shape.reduce((product, size) => product * size, 1);
  const draw = (): number => Math.round((random.uniform() * 2 - 1) * scale * 64) / 64 + offset;
  return { shape, values: Float32Array.from({ length }, draw) };
}

/** Weights by their names on the hub, `[out, in]`. */
function makeWeights(): Map<string, Matrix> {
  const random = new Random(SEED);
  const weights = new Map<string, Matrix>();
  const add = (name: string, shape: number[], scale: number, offset = 0): void =>
    void weights.set(name, randomTensor(random, shape, scale, offset));
  add('model.embed_tokens.weight', [VOCAB, HIDDEN], 1);
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const at = `model.layers.${layer}`;
    for (const [letter, heads] of [
      ['q', HEADS],
      ['k', KV_HEADS],
      ['v', KV_HEADS],
    ] as const) {
      add(`${at}.self_attn.${letter}_proj.weight`, [heads * HEAD_SIZE, HIDDEN], 0.4);
      add(`${at}.self_attn.${letter}_proj.bias`, [heads * HEAD_SIZE], 0.4);
    }
    add(`${at}.self_attn.o_proj.weight`, [HIDDEN, HEADS * HEAD_SIZE], 0.4);
    for (const name of ['gate', 'up']) add(`${at}.mlp.${name}_proj.weight`, [INNER, HIDDEN], 0.3);
    add(`${at}.mlp.down_proj.weight`, [HIDDEN, INNER], 0.3);
    for (const name of ['input', 'post_attention']) add(`${at}.${name}_layernorm.weight`, [HIDDEN], 0.2, 1);
  }
  add('model.norm.weight', [HIDDEN], 0.2, 1);
  return weights;
}

/** Bits of a number that 16 bits hold exactly. */
function halfBits(value: number): number {
  const bits = new DataView(new Float32Array([value]).buffer).getUint32(0, true);
  const exponent = ((bits >> 23) & 0xff) - 112;
  return value === 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 0x3ff);
}

function safetensors(weights: ReadonlyMap<string, Matrix>): Uint8Array {
  const header: Record<string, unknown> = {};
  const bits: number[] = [];
  for (const [name, { shape, values }] of weights) {
    header[name] = {
      dtype: 'F16',
      shape,
      data_offsets: [bits.length * 2, (bits.length + values.length) * 2],
    };
    for (const value of values) bits.push(halfBits(value));
  }
  const text = JSON.stringify(header);
  const head = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true);
  return Buffer.concat([length, head, new Uint8Array(Uint16Array.from(bits).buffer)]);
}

function transposed({ shape, values }: Matrix): Matrix {
  const [rows = 0, columns = 0] = shape;
  const at = (i: number): number => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0;
  return { shape: [columns, rows], values: Float32Array.from(values, (_, i) => at(i)) };
}

/** The graph, piece by piece; names of values are those of the parts of the model. */
class Decoder {
  readonly #graph = new GraphWriter();
  readonly #weights: ReadonlyMap<string, Matrix>;

  constructor(weights: ReadonlyMap<string, Matrix>) {
    this.#weights = weights;
  }

  build(): Uint8Array {
    const graph = this.#graph;
    graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
    graph.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
    graph.input('position_ids', 'int64', ['batch_size', 'sequence_length']);
    this.#constants();
    this.#mask();
    this.#angles();
    const embedding = this.#weight('model.embed_tokens.weight');
    let stream = this.#node('Gather', [embedding, 'input_ids'], 'embedded');
    for (let layer = 0; layer < LAYERS; layer += 1) stream = this.#layer(layer, stream);
    const normed = this.#norm(stream, 'model.norm.weight', 'final');
    const head = this.#node('Transpose', [embedding], 'head', { perm: { ints: [1, 0] } });
    this.#node('MatMul', [normed, head], 'logits');
    graph.output('logits', 'float32', ['batch_size', 'sequence_length', VOCAB]);
    return graph.finish('main_graph');
  }

  #node(
    operator: string,
    inputs: string[],
    output: string,
    attributes: Parameters<GraphWriter['node']>[3] extends infer O
      ? NonNullable<NonNullable<O>['attributes' & keyof NonNullable<O>]>
      : never = {},
  ): string {
    return this.#graph.node(operator, inputs, [output], { attributes });
  }

  #get(name: string): Matrix {
    const weight = this.#weights.get(name);
    if (!weight) throw new Error(`There is no ${name}.`);
    return weight;
  }

  #weight(name: string, { shape, values } = this.#get(name)): string {
    return this.#graph.tensor(name, 'float32', shape, values);
  }

  #constants(): void {
    const ints = (name: string, values: number[], shape = [values.length]): string =>
      this.#graph.tensor(name, 'int64', shape, BigInt64Array.from(values, BigInt));
    ints('zero', [0], []);
    ints('one', [1], []);
    ints('axis 1', [1]);
    ints('axis 2', [2]);
    ints('axes 1 2', [1, 2]);
    ints('last axis', [-1]);
    ints('query heads', [0, 0, HEADS, HEAD_SIZE]);
    ints('key heads', [0, 0, KV_HEADS, HEAD_SIZE]);
    ints('grouped', [0, KV_HEADS, GROUP, -1, HEAD_SIZE]);
    ints('ungrouped', [0, HEADS, -1, HEAD_SIZE]);
    ints('flat', [0, 0, HEADS * HEAD_SIZE]);
    ints('halves', [HEAD_SIZE / 2, HEAD_SIZE / 2]);
    const number = (name: string, value: number): string =>
      this.#graph.tensor(name, 'float32', [], Float32Array.of(value));
    number('scale', 1 / Math.sqrt(HEAD_SIZE));
    number('allowed', 0);
    number('forbidden', -1e9);
  }

  /** `mask` [batch, 1, 1, new, all]: 0 where a position may look, far below elsewhere. */
  #mask(): void {
    const shape = this.#node('Shape', ['attention_mask'], 'mask shape');
    const total = this.#node('Gather', [shape, 'one'], 'total');
    const keys = this.#node('Range', ['zero', total, 'one'], 'key positions');
    const queries = this.#node('Unsqueeze', ['position_ids', 'last axis'], 'query positions');
    const before = this.#node('LessOrEqual', [keys, queries], 'before');
    const present = this.#node('Cast', ['attention_mask'], 'present tokens', { to: { int: 9 } });
    const wide = this.#node('Unsqueeze', [present, 'axis 1'], 'present rows');
    const seen = this.#node('And', [before, wide], 'seen');
    const mask = this.#node('Where', [seen, 'allowed', 'forbidden'], 'mask rows');
    this.#node('Unsqueeze', [mask, 'axes 1 2'], 'mask');
  }

  /** `cos` and `sin` [batch, 1, new, head size], the two halves of a head alike. */
  #angles(): void {
    const half = HEAD_SIZE / 2;
    for (const [name, of] of [
      ['cos', Math.cos],
      ['sin', Math.sin],
    ] as const) {
      const angle = (i: number): number => Math.floor(i / half) * THETA ** (-(i % half) / half);
      const values = Float32Array.from({ length: POSITIONS * half }, (_, i) => of(angle(i)));
      const table = this.#graph.tensor(`${name} table`, 'float32', [POSITIONS, half], values);
      const rows = this.#node('Gather', [table, 'position_ids'], `${name} rows`);
      const whole = this.#node('Concat', [rows, rows], `${name} whole`, { axis: { int: -1 } });
      this.#node('Unsqueeze', [whole, 'axis 1'], name);
    }
  }

  #norm(input: string, weight: string, at: string): string {
    return this.#node('SimplifiedLayerNormalization', [input, this.#weight(weight)], `${at}.normed`, {
      axis: { int: -1 },
      epsilon: { float: EPSILON },
      stash_type: { int: 1 },
    });
  }

  #linear(input: string, name: string): string {
    const product = this.#node(
      'MatMul',
      [input, this.#weight(`${name}.weight`, transposed(this.#get(`${name}.weight`)))],
      `${name}.product`,
    );
    return this.#weights.has(`${name}.bias`)
      ? this.#node('Add', [product, this.#weight(`${name}.bias`)], `${name}.out`)
      : product;
  }

  #layer(layer: number, stream: string): string {
    const at = `model.layers.${layer}`;
    const attended = this.#attention(
      layer,
      this.#norm(stream, `${at}.input_layernorm.weight`, `${at}.input`),
    );
    const middle = this.#node(
      'Add',
      [stream, this.#linear(attended, `${at}.self_attn.o_proj`)],
      `${at}.middle`,
    );
    const normed = this.#norm(middle, `${at}.post_attention_layernorm.weight`, `${at}.post`);
    const gate = this.#linear(normed, `${at}.mlp.gate_proj`);
    const silu = this.#node('Mul', [gate, this.#node('Sigmoid', [gate], `${at}.sigmoid`)], `${at}.silu`);
    const gated = this.#node('Mul', [silu, this.#linear(normed, `${at}.mlp.up_proj`)], `${at}.gated`);
    return this.#node('Add', [middle, this.#linear(gated, `${at}.mlp.down_proj`)], `${at}.end`);
  }

  #attention(layer: number, input: string): string {
    const at = `model.layers.${layer}.self_attn`;
    const heads = (letter: string, shape: string): string => {
      const rows = this.#node(
        'Reshape',
        [this.#linear(input, `${at}.${letter}_proj`), shape],
        `${at}.${letter}.rows`,
      );
      return this.#node('Transpose', [rows], `${at}.${letter}`, { perm: { ints: [0, 2, 1, 3] } });
    };
    const cached = (kind: 'key' | 'value', fresh: string): string => {
      const dimensions = (length: string) => ['batch_size', KV_HEADS, length, HEAD_SIZE];
      const past = `past_key_values.${layer}.${kind}`;
      this.#graph.input(past, 'float32', dimensions('past_sequence_length'));
      const present = this.#node('Concat', [past, fresh], `present.${layer}.${kind}`, { axis: { int: 2 } });
      this.#graph.output(present, 'float32', dimensions('total_sequence_length'));
      return this.#node('Unsqueeze', [present, 'axis 2'], `${at}.${kind}s`);
    };
    const scaled = this.#node(
      'Mul',
      [this.#rotate(heads('q', 'query heads'), `${at}.q`), 'scale'],
      `${at}.scaled`,
    );
    const queries = this.#node('Reshape', [scaled, 'grouped'], `${at}.queries`);
    const keys = this.#node(
      'Transpose',
      [cached('key', this.#rotate(heads('k', 'key heads'), `${at}.k`))],
      `${at}.keys.t`,
      {
        perm: { ints: [0, 1, 2, 4, 3] },
      },
    );
    const values = cached('value', heads('v', 'key heads'));
    const scores = this.#node(
      'Add',
      [this.#node('MatMul', [queries, keys], `${at}.products`), 'mask'],
      `${at}.scores`,
    );
    const weights = this.#node('Softmax', [scores], `${at}.weights`, { axis: { int: -1 } });
    const mixed = this.#node(
      'Reshape',
      [this.#node('MatMul', [weights, values], `${at}.mixed`), 'ungrouped'],
      `${at}.mixed.heads`,
    );
    const rows = this.#node('Transpose', [mixed], `${at}.mixed.rows`, { perm: { ints: [0, 2, 1, 3] } });
    return this.#node('Reshape', [rows, 'flat'], `${at}.attended`);
  }

  /** x · cos + (−second half, first half) · sin */
  #rotate(input: string, at: string): string {
    const [first, second] = [`${at}.first`, `${at}.second`];
    this.#graph.node('Split', [input, 'halves'], [first, second], { attributes: { axis: { int: -1 } } });
    const turned = this.#node(
      'Concat',
      [this.#node('Neg', [second], `${at}.negative`), first],
      `${at}.turned`,
      {
        axis: { int: -1 },
      },
    );
    const straight = this.#node('Mul', [input, 'cos'], `${at}.straight`);
    return this.#node(
      'Add',
      [straight, this.#node('Mul', [turned, 'sin'], `${at}.crossed`)],
      `${at}.rotated`,
    );
  }
}

const end = toyTokenizer().idOf('<|im_end|>') ?? 0;
const config = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_size: HIDDEN,
  intermediate_size: INNER,
  num_hidden_layers: LAYERS,
  num_attention_heads: HEADS,
  num_key_value_heads: KV_HEADS,
  vocab_size: VOCAB,
  max_position_embeddings: POSITIONS,
  rope_theta: THETA,
  rms_norm_eps: EPSILON,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  eos_token_id: end,
};

const folder = process.argv[2];
if (folder === undefined) throw new Error('Name the folder to write.');
const weights = makeWeights();
await mkdir(join(folder, 'onnx'), { recursive: true });
const json = (name: string, value: unknown): Promise<void> =>
  writeFile(join(folder, name), `${JSON.stringify(value, null, 1)}\n`);
await writeFile(join(folder, 'onnx', 'model.onnx'), new Decoder(weights).build());
await writeFile(join(folder, 'model.safetensors'), safetensors(weights));
await json('config.json', config);
// What instruct models put here must not change what is computed.
await json('generation_config.json', {
  do_sample: true,
  temperature: 0.7,
  top_p: 0.8,
  repetition_penalty: 1.3,
  eos_token_id: [end],
});
await json('tokenizer.json', toyTokenizerJson());
await json('tokenizer_config.json', {
  tokenizer_class: 'Qwen2Tokenizer',
  eos_token: '<|im_end|>',
  pad_token: '<|endoftext|>',
});
await writeFile(join(folder, 'chat_template.jinja'), TOY_CHAT_TEMPLATE);
