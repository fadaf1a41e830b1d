import type { ModelConfig } from '../../src/lm/config';
import { loraScale, type LoraAdapter } from '../../src/lm/lora/adapter';
import { modulePath, type LoraModule } from '../../src/lm/lora/modules';
import { rotaryAngles } from '../../src/lm/rope';
import { importJax, valuesOf } from '../lm/jax';
import type { Jax, JaxArray, JaxArrays as Arrays } from '../lm/jax-types';
import type { BenchModel } from '../lm/model';
import type { Task, Trainer } from './trainer';

const [BETA1, BETA2, EPSILON, DECAY] = [0.9, 0.999, 1e-8, 0.01];

const pick = (arrays: Arrays, name: string): JaxArray => {
  const array = arrays[name];
  if (!array) throw new Error(`jax-js: ${name} is missing.`);
  return array;
};

const namesOf = (adapter: LoraAdapter): string[] =>
  adapter.pairs.flatMap(({ layer, module }) =>
    ['A', 'B'].map((side) => `${modulePath(layer, module)}.${side}`),
  );

/** The same update as jax-js would have it: one compiled function of parameters, moments and weights, the weights in f32. */
export async function openJaxTrainer(model: BenchModel, task: Task): Promise<Trainer> {
  const jax = await importJax();
  const { numpy: np } = jax;
  const { config } = model;
  const names = namesOf(task.adapter);
  const rows = task.tokens.length;
  const held: Arrays = {};
  for (const [name, { shape, values }] of model.tensors) {
    held[name] = np.array(Float32Array.from(valuesOf(model, name, values))).reshape(shape);
  }
  const half = config.headSize / 2;
  const angles = rotaryAngles(config.rope, config.headSize, rows);
  const tableOf = (offset: number): JaxArray => {
    const out = new Float32Array(rows * half);
    for (let row = 0; row < rows; row += 1) {
      const at = row * config.headSize + offset;
      out.set(angles.subarray(at, at + half), row * half);
    }
    return np.array(out).reshape([rows, 1, half]);
  };
  const mask = new Float32Array(rows * rows);
  for (let row = 0; row < rows; row += 1) mask.fill(-1e30, row * rows + row + 1, (row + 1) * rows);
  held['cosines'] = tableOf(0);
  held['sines'] = tableOf(half);
  held['mask'] = np.array(mask).reshape([1, 1, rows, rows]);
  held['tokens'] = np.array(Int32Array.from(task.tokens), { dtype: np.int32 });
  held['slope'] = np.array(Float32Array.from(task.outputGradient)).reshape([rows, config.hiddenSize]);

  const loss = (parameters: Arrays, others: Arrays): JaxArray => {
    const slope = pick(others, 'slope');
    return np.sum(forward(jax, config, task.adapter, parameters, others).mul(slope));
  };
  const update = jax.jit((a: Arrays) => {
    const ofKind = (kind: string): Arrays =>
      Object.fromEntries(names.map((name) => [name, pick(a, `${kind}:${name}`)]));
    const parameters = ofKind('value');
    const others = Object.fromEntries(Object.entries(a).filter(([name]) => !name.includes(':')));
    const [correction1, correction2] = [pick(others, 'correction1'), pick(others, 'correction2')];
    delete others['correction1'];
    delete others['correction2'];
    const kept = Object.fromEntries(names.map((name) => [name, pick(parameters, name).ref]));
    const slopes = jax.grad(loss)(parameters, others);
    const [first, second] = [ofKind('first'), ofKind('second')];
    const out: Arrays = {};
    for (const name of names) {
      const slope = pick(slopes, name);
      const m = pick(first, name)
        .mul(BETA1)
        .add(slope.ref.mul(1 - BETA1));
      const s = pick(second, name)
        .mul(BETA2)
        .add(np.square(slope).mul(1 - BETA2));
      const size = np.sqrt(s.ref.mul(correction2.ref)).add(EPSILON);
      const move = m.ref.mul(correction1.ref).mul(np.reciprocal(size)).mul(task.learningRate);
      out[`first:${name}`] = m;
      out[`second:${name}`] = s;
      out[`value:${name}`] = pick(kept, name)
        .mul(1 - task.learningRate * DECAY)
        .sub(move);
    }
    correction1.dispose();
    correction2.dispose();
    return out;
  });

  const begin = (): Arrays => {
    const state: Arrays = {};
    for (const { layer, module, rank, down, up } of task.adapter.pairs) {
      const path = modulePath(layer, module);
      for (const [side, values] of [
        ['A', down],
        ['B', up],
      ] as const) {
        const shape = side === 'A' ? [rank, values.length / rank] : [values.length / rank, rank];
        state[`value:${path}.${side}`] = np.array(Float32Array.from(values)).reshape(shape);
        for (const kind of ['first', 'second']) state[`${kind}:${path}.${side}`] = np.zeros(shape);
      }
    }
    return state;
  };
  let state = begin();
  let updates = 0;
  const run = (from: Arrays, at: number): Arrays => {
    const weights = Object.fromEntries(Object.entries(held).map(([name, array]) => [name, array.ref]));
    return update({
      ...{ ...weights, ...from },
      correction1: np.array([1 / (1 - BETA1 ** at)]),
      correction2: np.array([1 / (1 - BETA2 ** at)]),
    });
  };
  const read = async (array: JaxArray): Promise<Float32Array> => Float32Array.from(await array.data());
  return {
    name: 'jax-js, weights in f32',
    step: async () => {
      updates += 1;
      state = run(state, updates);
      await read(pick(state, `value:${names[0] ?? ''}`).ref);
    },
    gradients: async () => {
      const after = run(begin(), 1);
      const found: Float32Array[] = [];
      // From zero, the first moment is (1 − β₁) · gradient.
      for (const name of names) {
        found.push((await read(pick(after, `first:${name}`))).map((value) => value / (1 - BETA1)));
      }
      for (const kind of ['value', 'second'])
        for (const name of names) pick(after, `${kind}:${name}`).dispose();
      return found;
    },
    dispose: () => {
      for (const array of [...Object.values(held), ...Object.values(state)]) array.dispose();
      update.dispose();
    },
  };
}

/** Output of the last layer. */
function forward(
  jax: Jax,
  config: ModelConfig,
  adapter: LoraAdapter,
  parameters: Arrays,
  others: Arrays,
): JaxArray {
  const { numpy: np, nn } = jax;
  const { layers, queryHeads, keyValueHeads, headSize, normEpsilon } = config;
  const group = queryHeads / keyValueHeads;
  const get = (name: string): JaxArray => pick(others, name).ref;
  const norm = (x: JaxArray, name: string): JaxArray => {
    const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.mul(np.reciprocal(np.sqrt(mean.add(normEpsilon)))).mul(get(name));
  };
  const scales = new Map(adapter.pairs.map((pair) => [pair.module, loraScale(adapter, pair)]));
  const product = (x: JaxArray, layer: number, module: LoraModule): JaxArray => {
    const path = modulePath(layer, module);
    const low = np.dot(x.ref, np.transpose(pick(parameters, `${path}.A`).ref));
    const added = np.dot(low, np.transpose(pick(parameters, `${path}.B`).ref)).mul(scales.get(module) ?? 1);
    const out = np.dot(x, np.transpose(get(`${path}.weight`))).add(added);
    return others[`${path}.bias`] ? out.add(get(`${path}.bias`)) : out;
  };
  const tokens = get('tokens');
  const rows = tokens.shape[0] ?? 0;
  const rotate = (x: JaxArray, heads: number): JaxArray => {
    const [left, right] = np.split(x.reshape([rows, heads, headSize]), [headSize / 2], -1);
    if (!left || !right) throw new Error('jax-js: a head could not be halved.');
    return np.concatenate(
      [
        left.ref.mul(get('cosines')).sub(right.ref.mul(get('sines'))),
        right.mul(get('cosines')).add(left.mul(get('sines'))),
      ],
      -1,
    );
  };
  let x = np.take(get('model.embed_tokens.weight'), tokens, 0);
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `model.layers.${layer}`;
    const normed = norm(x.ref, `${at}.input_layernorm.weight`);
    const q = rotate(product(normed.ref, layer, 'q_proj'), queryHeads);
    const k = rotate(product(normed.ref, layer, 'k_proj'), keyValueHeads);
    const v = product(normed, layer, 'v_proj').reshape([rows, keyValueHeads, headSize]);
    const queries = np
      .transpose(q.reshape([rows, keyValueHeads, group, headSize]), [1, 2, 0, 3])
      .reshape([keyValueHeads, group * rows, headSize]);
    const scores = np.matmul(queries, np.transpose(k, [1, 2, 0])).mul(1 / Math.sqrt(headSize));
    const masked = scores.reshape([keyValueHeads, group, rows, rows]).add(get('mask'));
    const probabilities = nn.softmax(masked, -1).reshape([keyValueHeads, group * rows, rows]);
    const mixed = np
      .transpose(
        np.matmul(probabilities, np.transpose(v, [1, 0, 2])).reshape([keyValueHeads, group, rows, headSize]),
        [2, 0, 1, 3],
      )
      .reshape([rows, queryHeads * headSize]);
    x = x.add(product(mixed, layer, 'o_proj'));
    const second = norm(x.ref, `${at}.post_attention_layernorm.weight`);
    const gate = nn.silu(product(second.ref, layer, 'gate_proj'));
    x = x.add(product(gate.mul(product(second, layer, 'up_proj')), layer, 'down_proj'));
  }
  return x;
}
