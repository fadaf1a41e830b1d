/** Which tensors a model has: what the graph reads, and which tensors of a checkpoint fill it. Pure; nothing is allocated. */
import type { ModelConfig } from './config';

/** The tensors of one layer; `T` is a slot of the table, or the backend's tensor in its place. */
export interface LayerTensors<T> {
  attentionNorm: T;
  /** `[(queryHeads + 2·keyValueHeads)·headSize, hidden]`: q, k, v one below the other. */
  projections: T;
  projectionBias: T | undefined;
  /** Norms over each head of queries and keys, `[headSize]`. */
  headNorms: { query: T; key: T } | undefined;
  attentionOutput: T;
  outputBias: T | undefined;
  mlpNorm: T;
  /** `[2·intermediate, hidden]`: gate, then up. */
  gateUp: T;
  down: T;
}

export interface ModelTensors<T> {
  embedding: T;
  layers: LayerTensors<T>[];
  finalNorm: T;
  /** The embedding itself where the two are tied. */
  head: T;
}

/** Tells which types a tensor may have: vectors stay f32; embedding and head keep more bits than the linears. */
export type SlotKind = 'vector' | 'linear' | 'embedding';

export interface WeightSlot {
  label: string;
  shape: readonly number[];
  kind: SlotKind;
  /** The checkpoint's tensors, one below the other, with their shapes. */
  sources: readonly { name: string; shape: readonly number[] }[];
}

/** The tensors of a model with this config, in the order in which a forward pass meets them. */
export function weightTable(config: ModelConfig): ModelTensors<WeightSlot> {
  const { hiddenSize, intermediateSize, vocabSize, headSize } = config;
  const queryWidth = config.queryHeads * headSize;
  const keyWidth = config.keyValueHeads * headSize;
  const vector = (name: string, size: number): WeightSlot => stack(name, 'vector', [[name, [size]]]);
  const linear = (name: string, rows: number, columns: number): WeightSlot =>
    stack(name, 'linear', [[name, [rows, columns]]]);
  const wide = (name: string): WeightSlot => stack(name, 'embedding', [[name, [vocabSize, hiddenSize]]]);

  const layer = (index: number): LayerTensors<WeightSlot> => {
    const at = `model.layers.${index}`;
    const attention = `${at}.self_attn`;
    const qkv: [string, number][] = [
      [`${attention}.q_proj`, queryWidth],
      [`${attention}.k_proj`, keyWidth],
      [`${attention}.v_proj`, keyWidth],
    ];
    return {
      attentionNorm: vector(`${at}.input_layernorm.weight`, hiddenSize),
      projections: stack(
        `${at}.qkv`,
        'linear',
        qkv.map(([name, rows]) => [`${name}.weight`, [rows, hiddenSize]]),
      ),
      projectionBias: config.projectionBias
        ? stack(
            `${at}.qkv.bias`,
            'vector',
            qkv.map(([name, rows]) => [`${name}.bias`, [rows]]),
          )
        : undefined,
      headNorms: config.headNorms
        ? {
            query: vector(`${attention}.q_norm.weight`, headSize),
            key: vector(`${attention}.k_norm.weight`, headSize),
          }
        : undefined,
      attentionOutput: linear(`${attention}.o_proj.weight`, hiddenSize, queryWidth),
      outputBias: config.outputBias ? vector(`${attention}.o_proj.bias`, hiddenSize) : undefined,
      mlpNorm: vector(`${at}.post_attention_layernorm.weight`, hiddenSize),
      gateUp: stack(`${at}.gate_up`, 'linear', [
        [`${at}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]],
        [`${at}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]],
      ]),
      down: linear(`${at}.mlp.down_proj.weight`, hiddenSize, intermediateSize),
    };
  };

  const embedding = wide('model.embed_tokens.weight');
  return {
    embedding,
    layers: Array.from({ length: config.layers }, (_, index) => layer(index)),
    finalNorm: vector('model.norm.weight', hiddenSize),
    head: config.tiedEmbeddings ? embedding : wide('lm_head.weight'),
  };
}

function stack(label: string, kind: SlotKind, parts: readonly [string, number[]][]): WeightSlot {
  const rows = parts.reduce((sum, [, shape]) => sum + (shape[0] ?? 0), 0);
  const columns = parts[0]?.[1].slice(1) ?? [];
  return {
    ...{ label, kind },
    shape: [rows, ...columns],
    sources: parts.map(([name, shape]) => ({ name, shape })),
  };
}

/** The same structure with something else in each place; a tied head stays the embedding. */
export function mapTensors<A, B>(model: ModelTensors<A>, map: (item: A) => B): ModelTensors<B> {
  const maybe = (item: A | undefined): B | undefined => (item === undefined ? undefined : map(item));
  const embedding = map(model.embedding);
  return {
    embedding,
    layers: model.layers.map((layer) => ({
      attentionNorm: map(layer.attentionNorm),
      projections: map(layer.projections),
      projectionBias: maybe(layer.projectionBias),
      headNorms: layer.headNorms && { query: map(layer.headNorms.query), key: map(layer.headNorms.key) },
      attentionOutput: map(layer.attentionOutput),
      outputBias: maybe(layer.outputBias),
      mlpNorm: map(layer.mlpNorm),
      gateUp: map(layer.gateUp),
      down: map(layer.down),
    })),
    finalNorm: map(model.finalNorm),
    head: model.head === model.embedding ? embedding : map(model.head),
  };
}

/** Every slot once. */
export function slotsOf(table: ModelTensors<WeightSlot>): WeightSlot[] {
  const slots: WeightSlot[] = [];
  mapTensors(table, (slot) => slots.push(slot));
  return slots;
}
