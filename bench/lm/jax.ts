/** The second peer: jax-js, a compiler of array programs to WebGPU. */
import { dequantise, quantise } from '../../src/gpu/blocks';
import type { ModelConfig } from '../../src/lm/config';
import { rotaryAngles } from '../../src/lm/rope';
import { openNodeGpu } from '../../src/platform/node/webgpu';
import type { Contender } from './contender';
import type { Compiled, Jax, JaxArray, JaxArrays as Arrays } from './jax-types';
import type { BenchModel } from './model';

interface Step {
  logits: JaxArray;
  next: JaxArray;
}

const VECTORS = /norm\.weight$|\.bias$/;

/** Values of a tensor as our engine computes with them. jax-js has no 4-bit type: it holds them in f32. */
export function valuesOf(model: BenchModel, name: string, values: Float32Array): Float32Array {
  if (model.weights === 'f32' || VECTORS.test(name)) return values;
  const type = /embed_tokens|lm_head/.test(name) ? 'q8' : 'q4';
  return dequantise(type, quantise(type, values));
}

/** jax-js on the adapter that the benchmarks use. */
export async function importJax(): Promise<Jax> {
  // It looks for WebGPU where browsers have it.
  Object.assign(globalThis, (await import('webgpu')).globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: await openNodeGpu(), userAgent: '' },
    configurable: true,
  });
  // By a variable, since the type checker must not look for it.
  const name = '@jax-js/jax';
  const jax = (await import(name)) as Jax;
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('jax-js found no WebGPU adapter.');
  jax.defaultDevice('webgpu');
  return jax;
}

/** The decoder as jax-js would have it: one compiled function for a prompt, one for a token over a cache of fixed size. */
export async function openJax(model: BenchModel, capacity: number): Promise<Contender> {
  const jax = await importJax();
  const { numpy: np } = jax;
  const weights: Arrays = {};
  for (const [name, { shape, values }] of model.tensors) {
    weights[name] = np.array(Float32Array.from(valuesOf(model, name, values))).reshape(shape);
  }
  const prompt = jax.jit((a: Arrays) => forward(jax, model.config, capacity, a, true));
  const token = jax.jit((a: Arrays) => forward(jax, model.config, capacity, a, false));
  const half = model.config.headSize / 2;
  const angles = rotaryAngles(model.config.rope, model.config.headSize, capacity);
  let cache: Arrays = {};
  let length = 0;

  const run = (compiled: Compiled, tokens: readonly number[]): Step => {
    const rows = tokens.length;
    const table = (offset: number): JaxArray => {
      const out = new Float32Array(rows * half);
      for (let row = 0; row < rows; row += 1) {
        const at = (length + row) * model.config.headSize + offset;
        out.set(angles.subarray(at, at + half), row * half);
      }
      return np.array(out).reshape([rows, 1, half]);
    };
    const isPrompt = compiled === prompt;
    const columns = isPrompt ? rows : capacity;
    const mask = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row += 1)
      mask.fill(-1e30, row * columns + length + row + 1, (row + 1) * columns);
    const here = new Float32Array(capacity);
    here[length] = 1;
    const held = Object.fromEntries(Object.entries(weights).map(([name, array]) => [name, array.ref]));
    const result = compiled({
      ...held,
      ...cache,
      tokens: np.array(Int32Array.from(tokens), { dtype: np.int32 }),
      cosines: table(0),
      sines: table(half),
      mask: np.array(mask).reshape([1, 1, rows, columns]),
      ...(!isPrompt && { here: np.array(here).reshape([capacity, 1]) }),
    });
    const { logits, next, ...rest } = result;
    cache = rest;
    length += rows;
    if (!logits || !next) throw new Error('jax-js gave no logits.');
    return { logits, next };
  };
  const forget = (): void => {
    for (const array of Object.values(cache)) array.dispose();
    cache = {};
    length = 0;
  };
  const logitsOf = async ({ logits, next }: Step): Promise<Float32Array> => {
    next.dispose();
    return Float32Array.from(await logits.data());
  };
  const nextOf = async ({ logits, next }: Step): Promise<number> => {
    logits.dispose();
    return (await next.data())[0] ?? NaN;
  };
  return {
    name: `jax-js${model.weights === 'f32' ? '' : ', weights in f32'}`,
    logits: (tokens) => {
      forget();
      return logitsOf(run(prompt, tokens));
    },
    appendLogits: (one) => logitsOf(run(token, [one])),
    generate: async (tokens, newTokens) => {
      forget();
      const started = performance.now();
      const found = [await nextOf(run(prompt, tokens))];
      const prefilled = performance.now();
      while (found.length < newTokens) found.push(await nextOf(run(token, found.slice(-1))));
      return { tokens: found, prefillMs: prefilled - started, decodeMs: performance.now() - prefilled };
    },
    dispose: () => {
      forget();
      for (const array of Object.values(weights)) array.dispose();
      prompt.dispose();
      token.dispose();
      return Promise.resolve();
    },
  };
}

/** Logits of the last row, its arg-max, and the cache `[kv, capacity, size]` of each layer. */
function forward(jax: Jax, config: ModelConfig, capacity: number, a: Arrays, isPrompt: boolean): Arrays {
  const { numpy: np, nn } = jax;
  const { layers, queryHeads, keyValueHeads, headSize, normEpsilon, hiddenSize } = config;
  const group = queryHeads / keyValueHeads;
  const half = headSize / 2;
  const get = (name: string): JaxArray => {
    const array = a[name];
    if (!array) throw new Error(`jax-js: ${name} is missing.`);
    return array;
  };
  const norm = (x: JaxArray, name: string): JaxArray => {
    const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.mul(np.reciprocal(np.sqrt(mean.add(normEpsilon)))).mul(get(name));
  };
  const product = (x: JaxArray, name: string): JaxArray => np.dot(x, np.transpose(get(name)));
  const rows = get('tokens').shape[0] ?? 0;
  const rotate = (x: JaxArray, heads: number): JaxArray => {
    const [left, right] = np.split(x.reshape([rows, heads, headSize]), [half], -1);
    if (!left || !right) throw new Error('jax-js: a head could not be halved.');
    const [cos, sin] = [get('cosines'), get('sines')];
    return np.concatenate(
      [left.ref.mul(cos.ref).sub(right.ref.mul(sin.ref)), right.mul(cos.ref).add(left.mul(sin.ref))],
      -1,
    );
  };
  const cache: Arrays = {};
  /** Puts new keys or values where they belong and gives what attention reads, `[columns, kv, size]`. */
  const remember = (name: string, fresh: JaxArray): JaxArray => {
    if (isPrompt) {
      cache[name] = np
        .concatenate([fresh.ref, np.zeros([capacity - rows, keyValueHeads, headSize])], 0)
        .reshape([capacity, keyValueHeads * headSize]);
      return fresh;
    }
    const here = get('here');
    const kept = get(name).mul(np.subtract(1, here.ref));
    const whole = kept.add(here.ref.mul(fresh.reshape([1, keyValueHeads * headSize])));
    cache[name] = whole.ref;
    return whole.reshape([capacity, keyValueHeads, headSize]);
  };
  let x = np.take(get('model.embed_tokens.weight').ref, get('tokens'), 0);
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `model.layers.${layer}`;
    const normed = norm(x.ref, `${at}.input_layernorm.weight`);
    const project = (letter: string, input: JaxArray): JaxArray => {
      const out = product(input, `${at}.self_attn.${letter}_proj.weight`);
      const bias = a[`${at}.self_attn.${letter}_proj.bias`];
      return bias ? out.add(bias) : out;
    };
    const q = rotate(project('q', normed.ref), queryHeads).reshape([rows, keyValueHeads, group, headSize]);
    const k = remember(`${layer}.keys`, rotate(project('k', normed.ref), keyValueHeads));
    const v = remember(`${layer}.values`, project('v', normed).reshape([rows, keyValueHeads, headSize]));
    const queries = np.transpose(q, [1, 2, 0, 3]).reshape([keyValueHeads, group * rows, headSize]);
    const columns = k.shape[0] ?? 0;
    const scores = np.matmul(queries, np.transpose(k, [1, 2, 0])).mul(1 / Math.sqrt(headSize));
    const masked = scores.reshape([keyValueHeads, group, rows, columns]).add(get('mask').ref);
    const probabilities = nn.softmax(masked, -1).reshape([keyValueHeads, group * rows, columns]);
    const mixed = np
      .transpose(
        np.matmul(probabilities, np.transpose(v, [1, 0, 2])).reshape([keyValueHeads, group, rows, headSize]),
        [2, 0, 1, 3],
      )
      .reshape([rows, queryHeads * headSize]);
    x = x.add(product(mixed, `${at}.self_attn.o_proj.weight`));
    const second = norm(x.ref, `${at}.post_attention_layernorm.weight`);
    const gate = nn.silu(product(second.ref, `${at}.mlp.gate_proj.weight`));
    const gated = gate.mul(product(second, `${at}.mlp.up_proj.weight`));
    x = x.add(product(gated, `${at}.mlp.down_proj.weight`));
  }
  const last = norm(np.take(x, np.array([rows - 1], { dtype: np.int32 }), 0), 'model.norm.weight');
  const head = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const logits = product(last.reshape([1, hiddenSize]), head).reshape([config.vocabSize]);
  for (const shared of ['cosines', 'sines', 'mask', 'here']) a[shared]?.dispose();
  return { ...cache, next: np.argmax(logits.ref), logits };
}
