/** Attention over a cache, in the two forms that ONNX Runtime can run on WebGPU. */
import type { ModelConfig } from '../../src/lm/config';
import { rotaryAngles } from '../../src/lm/rope';
import { CONTRIB, type Dimensions, type GraphWriter } from './graph';

/**
 * `fused`: the operator that ONNX Runtime's exporter for language models writes, rotary embedding and cache inside.
 * `plain`: products, softmax and concatenation, as exporters without knowledge of the operator write it.
 */
export type AttentionForm = 'fused' | 'plain';

type Kind = 'key' | 'value';
export const KINDS: readonly Kind[] = ['key', 'value'];
export const pastName = (layer: number, kind: Kind): string => `past.${layer}.${kind}`;
export const presentName = (layer: number, kind: Kind): string => `present.${layer}.${kind}`;

/** Shape of a cache of `length` positions. The plain form keeps keys transposed, ready for the product. */
export const cacheShape = <T extends number | string>(
  form: AttentionForm,
  kind: Kind,
  { keyValueHeads, headSize }: ModelConfig,
  length: T,
): (number | T)[] =>
  form === 'plain' && kind === 'key'
    ? [1, keyValueHeads, headSize, length]
    : [1, keyValueHeads, length, headSize];

/** What all layers share: inputs that name positions, rotary tables, shapes. */
export function declareAttention(
  graph: GraphWriter,
  form: AttentionForm,
  config: ModelConfig,
  capacity: number,
): void {
  const { headSize, queryHeads, keyValueHeads } = config;
  if (form === 'fused') {
    graph.input('last_position', 'int32', [1]);
    graph.input('total', 'int32', [1]);
  } else {
    graph.input('positions', 'int64', [1, 'n']);
    graph.input('mask', 'float32', [1, 1, 'mask rows', 'mask columns']);
    const shape = (name: string, ...sizes: number[]): string =>
      graph.tensor(name, 'int64', [sizes.length], BigInt64Array.from(sizes.map(BigInt)));
    shape('query widths', queryHeads * headSize, keyValueHeads * headSize, keyValueHeads * headSize);
    shape('query heads', 1, -1, queryHeads, headSize);
    shape('key heads', 1, -1, keyValueHeads, headSize);
    shape('grouped queries', 1, keyValueHeads, -1, headSize);
    shape('grouped scores', 1, keyValueHeads, -1, 0);
    shape('scores by head', 1, queryHeads, -1, 0);
    shape('mixed by head', 1, queryHeads, -1, headSize);
    shape('flat', 1, -1, queryHeads * headSize);
    graph.tensor('scale', 'float32', [1], Float32Array.of(1 / Math.sqrt(headSize)));
  }
  const angles = rotaryAngles(config.rope, headSize, capacity);
  const half = headSize / 2;
  const table = (name: string, offset: number): void => {
    const values = new Float32Array(capacity * half);
    for (let position = 0; position < capacity; position += 1) {
      const from = position * headSize + offset;
      values.set(angles.subarray(from, from + half), position * half);
    }
    graph.tensor(name, 'float32', [capacity, half], values);
  };
  table('cosines', 0);
  table('sines', half);
}

/** Adds one layer's attention over packed projections `[1, n, (q + 2·kv)·size]`; returns `[1, n, q·size]`. */
export function addAttention(
  graph: GraphWriter,
  form: AttentionForm,
  config: ModelConfig,
  layer: number,
  projected: string,
): string {
  for (const kind of KINDS) {
    const dimensions = (length: string): Dimensions => cacheShape(form, kind, config, length);
    graph.input(pastName(layer, kind), 'float32', dimensions('past'));
    graph.output(presentName(layer, kind), 'float32', dimensions('present'));
  }
  return (form === 'fused' ? fused : plain)(graph, config, layer, projected);
}

function fused(graph: GraphWriter, config: ModelConfig, layer: number, projected: string): string {
  const past = KINDS.map((kind) => pastName(layer, kind));
  const present = KINDS.map((kind) => presentName(layer, kind));
  return graph.node(
    'GroupQueryAttention',
    [projected, '', '', ...past, 'last_position', 'total', 'cosines', 'sines'],
    [`${layer}.attended`, ...present],
    {
      domain: CONTRIB,
      attributes: {
        num_heads: { int: config.queryHeads },
        kv_num_heads: { int: config.keyValueHeads },
        do_rotary: { int: 1 },
      },
    },
  );
}

function plain(graph: GraphWriter, _config: ModelConfig, layer: number, projected: string): string {
  const named = (name: string): string => `${layer}.${name}`;
  const one = (operator: string, inputs: string[], output: string): string =>
    graph.node(operator, inputs, [named(output)]);
  const transpose = (input: string, output: string, permutation: number[]): string =>
    graph.node('Transpose', [input], [output], { attributes: { perm: { ints: permutation } } });
  const rotate = (input: string, output: string): string =>
    graph.node('RotaryEmbedding', [input, 'positions', 'cosines', 'sines'], [named(output)], {
      domain: CONTRIB,
    });
  const concatenate = (kind: Kind, input: string, axis: number): string =>
    graph.node('Concat', [pastName(layer, kind), input], [presentName(layer, kind)], {
      attributes: { axis: { int: axis } },
    });
  graph.node('Split', [projected, 'query widths'], ['q', 'k', 'v'].map(named), {
    attributes: { axis: { int: -1 } },
  });
  const scaled = one('Mul', [rotate(named('q'), 'q.rotated'), 'scale'], 'q.scaled');
  const queries = transpose(
    one('Reshape', [scaled, 'query heads'], 'q.heads'),
    named('queries'),
    [0, 2, 1, 3],
  );
  const newKeys = one('Reshape', [rotate(named('k'), 'k.rotated'), 'key heads'], 'k.heads');
  const keys = concatenate('key', transpose(newKeys, named('keys'), [0, 2, 3, 1]), 3);
  const newValues = one('Reshape', [named('v'), 'key heads'], 'v.heads');
  const values = concatenate('value', transpose(newValues, named('values'), [0, 2, 1, 3]), 2);
  const grouped = one('Reshape', [queries, 'grouped queries'], 'q.grouped');
  const products = one('MatMul', [grouped, keys], 'products');
  const masked = one('Add', [one('Reshape', [products, 'scores by head'], 'scores'), 'mask'], 'masked');
  const weights = graph.node('Softmax', [masked], [named('weights')], { attributes: { axis: { int: -1 } } });
  const mixed = one('MatMul', [one('Reshape', [weights, 'grouped scores'], 'w.grouped'), values], 'mixed');
  const byHead = one('Reshape', [mixed, 'mixed by head'], 'mixed.heads');
  return one('Reshape', [transpose(byHead, named('mixed.rows'), [0, 2, 1, 3]), 'flat'], 'attended');
}
