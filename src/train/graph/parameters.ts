/** What is trained: tensors with a gradient beside each. */
import type { Backend, Tensor } from '../../gpu/backend';
import { AppError } from '../../protocol/errors';
import type { ModelConfig } from '../../lm/config';
import { loraScale, type LoraAdapter } from '../../lm/lora/adapter';
import { modulePath, moduleShape, type LoraModule } from '../../lm/lora/modules';
import type { ModelWeights } from '../../lm/weights';
import { mapTensors, type ModelTensors } from '../../lm/weights-table';

export interface Parameter {
  name: string;
  value: Tensor;
  /** Of the same shape. */
  gradient: Tensor;
}

export interface LowRankParameters {
  /** A, `[rank, in]`. */
  down: Parameter;
  /** B, `[out, rank]`. */
  up: Parameter;
  rank: number;
  scale: number;
}

/** What of a model a program trains; with neither, it only computes. */
export interface Trained {
  adapter?: AdapterParameters;
  weights?: WeightParameters;
  /** Weights that the program computes with instead of the trunk's: the untrained copy, where all of a model is trained. */
  base?: ModelWeights;
}

const floats = (
  backend: Backend,
  name: string,
  shape: readonly number[],
  values: Float32Array,
): Parameter => {
  const value = backend.tensor(name, shape);
  backend.write(value, values);
  return { name, value, gradient: backend.tensor(`${name} gradient`, shape) };
};

/** Reads the values, or the gradients, of parameters, in their order. */
export const readParameters = (
  backend: Backend,
  parameters: readonly Parameter[],
  which: 'value' | 'gradient',
): Promise<Float32Array[]> =>
  backend.run(
    [],
    parameters.map((parameter) => {
      const tensor = parameter[which];
      return { tensor, count: tensor.shape.reduce((product, size) => product * size, 1) };
    }),
  );

/** A low-rank adapter in training, under PEFT's names. */
export class AdapterParameters {
  readonly parameters: readonly Parameter[];
  readonly #pairs = new Map<string, LowRankParameters>();
  readonly #backend: Backend;
  readonly #adapter: LoraAdapter;

  /** @throws AppError BAD_INPUT for an adapter of another model */
  constructor(backend: Backend, config: ModelConfig, adapter: LoraAdapter) {
    this.#backend = backend;
    this.#adapter = adapter;
    for (const pair of adapter.pairs) {
      const { layer, module, rank, down, up } = pair;
      const { inputs, outputs } = moduleShape(config, module);
      if (layer >= config.layers || down.length !== rank * inputs || up.length !== outputs * rank) {
        throw new AppError(
          'BAD_INPUT',
          `The adapter's ${module} of layer ${layer} does not fit this model.`,
          {
            fix: 'Check that the adapter was made for this model.',
          },
        );
      }
      const path = modulePath(layer, module);
      const name = `base_model.model.${path}`;
      this.#pairs.set(path, {
        down: floats(backend, `${name}.lora_A.weight`, [rank, inputs], down),
        up: floats(backend, `${name}.lora_B.weight`, [outputs, rank], up),
        ...{ rank, scale: loraScale(adapter, pair) },
      });
    }
    this.parameters = [...this.#pairs.values()].flatMap(({ down, up }) => [down, up]);
  }

  pair(layer: number, module: LoraModule): LowRankParameters | undefined {
    return this.#pairs.get(modulePath(layer, module));
  }

  /** The adapter as it is now. */
  async read(): Promise<LoraAdapter> {
    const values = await readParameters(this.#backend, this.parameters, 'value');
    const pairs = this.#adapter.pairs.map((pair, i) => {
      const [down, up] = [values[2 * i], values[2 * i + 1]];
      return down && up ? { ...pair, down, up } : pair;
    });
    return { ...this.#adapter, pairs };
  }

  dispose(): void {
    for (const { value, gradient } of this.parameters)
      [value, gradient].forEach((tensor) => tensor.dispose());
  }
}

/** All weights of a model in training. They must be f32; q, k, v and gate, up stay one below the other. */
export class WeightParameters {
  readonly parameters: readonly Parameter[];
  readonly gradients: ModelTensors<Tensor>;

  /** The weights stay their owner's. @throws AppError UNSUPPORTED for weights that are not f32 */
  constructor(backend: Backend, weights: ModelWeights) {
    const parameters: Parameter[] = [];
    this.gradients = mapTensors(weights, (value) => {
      if (value.dtype !== 'f32') {
        throw new AppError(
          'UNSUPPORTED',
          `${value.label} is ${value.dtype}; only f32 can be trained in full.`,
          {
            fix: 'Load the model in f32, or train an adapter.',
          },
        );
      }
      const gradient = backend.tensor(`${value.label} gradient`, value.shape);
      parameters.push({ name: value.label, value, gradient });
      return gradient;
    });
    this.parameters = parameters;
  }

  dispose(): void {
    for (const { gradient } of this.parameters) gradient.dispose();
  }
}
