/**
 * A Qwen2 or Llama decoder as ONNX, in the form that ONNX Runtime's exporter for language models gives it: packed
 * projections, fused residual and norm, logits of the last position only, the next token chosen on the device.
 */
import { dequantise, quantise } from '../../src/gpu/blocks';
import type { BenchModel } from '../lm/model';
import { matMulNBits } from './quantised';
import { addAttention, declareAttention, type AttentionForm } from './attention';
import { CONTRIB, GraphWriter } from './graph';

export interface DecoderOptions {
  attention: AttentionForm;
  /** Positions that the rotary tables cover. */
  capacity: number;
  /** `q4`: linears in 4 bits and the head in 8, as our engine quantises them; the embedding keeps the values of 8 bits. */
  weights: 'f32' | 'q4';
}

/**
 * Inputs: `tokens` int32 [1, n], those of `declareAttention`, and the cache (`pastName`). Outputs: `logits` [1, vocab],
 * `next` int64 [1] (its arg-max), and the longer cache (`presentName`).
 */
export function decoderGraph(
  model: BenchModel,
  { attention, capacity, weights }: DecoderOptions,
): Uint8Array<ArrayBuffer> {
  const { config, tensors } = model;
  const graph = new GraphWriter();
  const get = (name: string): { shape: number[]; values: Float32Array } => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The checkpoint has no ${name}.`);
    return tensor;
  };
  const vector = (name: string, parts: readonly string[] = [name]): string => {
    const values = joined(parts.map((part) => get(part).values));
    return graph.tensor(name, 'float32', [values.length], values);
  };
  /** input · weightᵀ, the weight made of one or more `[out, in]`, one below the other. */
  const product = (input: string, parts: readonly string[], output: string, bits: 4 | 8 = 4): string => {
    const values = joined(parts.map((part) => get(part).values));
    const inputs = get(parts[0] ?? '').shape[1] ?? 0;
    const outputs = values.length / inputs;
    if (weights === 'q4') return matMulNBits(graph, { input, output, values, inputs, outputs, bits });
    const name = `${output}.weight`;
    graph.tensor(name, 'float32', [inputs, outputs], transposed(values, outputs, inputs));
    return graph.node('MatMul', [input, name], [output]);
  };
  const epsilon = { float: config.normEpsilon };
  /** Adds `branch` to the residual stream and normalises the sum. */
  const addAndNorm = (
    at: string,
    stream: string,
    branch: string,
    weight: string,
  ): { normed: string; sum: string } => {
    const [normed, sum] = [`${at}.normed`, `${at}.sum`];
    const outputs = [normed, '', '', sum];
    graph.node('SkipSimplifiedLayerNormalization', [stream, branch, vector(weight)], outputs, {
      domain: CONTRIB,
      attributes: { epsilon },
    });
    return { normed, sum };
  };
  graph.input('tokens', 'int32', [1, 'n']);
  declareAttention(graph, attention, config, capacity);
  const { shape, values } = get('model.embed_tokens.weight');
  const table = weights === 'q4' ? dequantise('q8', quantise('q8', values)) : values;
  const embedding = graph.tensor('embedding', 'float32', shape, table);
  let stream = graph.node('Gather', [embedding, 'tokens'], ['embedded']);
  const firstNorm = vector('model.layers.0.input_layernorm.weight');
  let normed = graph.node('SimplifiedLayerNormalization', [stream, firstNorm], ['first.normed'], {
    attributes: { axis: { int: -1 }, epsilon, stash_type: { int: 1 } },
  });
  for (let layer = 0; layer < config.layers; layer += 1) {
    const at = `model.layers.${layer}`;
    const qkv = ['q', 'k', 'v'].map((letter) => `${at}.self_attn.${letter}_proj`);
    let projected = product(
      normed,
      qkv.map((name) => `${name}.weight`),
      `${at}.projected`,
    );
    if (config.projectionBias) {
      const bias = vector(
        `${at}.qkv.bias`,
        qkv.map((name) => `${name}.bias`),
      );
      projected = graph.node('Add', [projected, bias], [`${at}.biased`]);
    }
    const attended = addAttention(graph, attention, config, layer, projected);
    const out = product(attended, [`${at}.self_attn.o_proj.weight`], `${at}.out`);
    const middle = addAndNorm(`${at}.middle`, stream, out, `${at}.post_attention_layernorm.weight`);
    const gate = product(middle.normed, [`${at}.mlp.gate_proj.weight`], `${at}.gate`);
    const up = product(middle.normed, [`${at}.mlp.up_proj.weight`], `${at}.up`);
    // x · sigmoid(x), the activation that the exporter's optimiser writes in one operator.
    const silu = graph.node('QuickGelu', [gate], [`${at}.silu`], {
      domain: CONTRIB,
      attributes: { alpha: { float: 1 } },
    });
    const gated = graph.node('Mul', [silu, up], [`${at}.gated`]);
    const down = product(gated, [`${at}.mlp.down_proj.weight`], `${at}.down`);
    const isLast = layer + 1 === config.layers;
    const nextNorm = isLast ? 'model.norm.weight' : `model.layers.${layer + 1}.input_layernorm.weight`;
    ({ normed, sum: stream } = addAndNorm(`${at}.end`, middle.sum, down, nextNorm));
  }
  const lastIndex = graph.tensor('last index', 'int64', [], BigInt64Array.of(-1n));
  const last = graph.node('Gather', [normed, lastIndex], ['last'], { attributes: { axis: { int: 1 } } });
  const head = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  product(last, [head], 'logits', 8);
  graph.output('logits', 'float32', [1, config.vocabSize]);
  graph.node('ArgMax', ['logits'], ['next'], { attributes: { axis: { int: -1 }, keepdims: { int: 0 } } });
  graph.output('next', 'int64', [1]);
  return graph.finish('decoder');
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      out[column * rows + row] = values[row * columns + column] ?? 0;
    }
  }
  return out;
}
