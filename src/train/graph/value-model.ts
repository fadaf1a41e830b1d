/** A critic in training: one number for the state at each chosen row, v = w·h + b, h after the final norm. */
import type { Operation, Tensor } from '../../gpu/backend';
import type { PackedBatch } from './batch';
import { HeadRows } from './head-rows';
import type { Parameter, Trained } from './parameters';
import type { TrainingTrunk, TrunkProgram } from './trunk';

export interface ValueHead {
  /** `[1, hidden]` */
  weight: Parameter;
  /** `[1]` */
  bias: Parameter;
}

/** A value head under the names that a token-classification head has; zeros where nothing is given. */
export function makeValueHead(
  trunk: TrainingTrunk,
  values?: { weight: Float32Array; bias: Float32Array },
): ValueHead {
  const { allocate, backend, config } = trunk;
  const parameter = (name: string, shape: readonly number[], data?: Float32Array): Parameter => {
    const value = allocate(name, shape);
    if (data) backend.write(value, data);
    return { name, value, gradient: allocate(`${name} gradient`, shape) };
  };
  return {
    weight: parameter('score.weight', [1, config.hiddenSize], values?.weight),
    bias: parameter('score.bias', [1], values?.bias),
  };
}

export class ValueModel {
  readonly #trunk: TrainingTrunk;
  readonly #program: TrunkProgram;
  readonly #head: HeadRows;
  readonly #all: Tensor;
  readonly #gradient: Tensor;
  readonly #look: Operation[];
  readonly #learn: Operation[];
  readonly #clear: Operation;

  /** Its memory is the trunk's; `backend.ready()` must follow. */
  constructor(trunk: TrainingTrunk, trained: Trained, score: ValueHead) {
    const { backend, train, sizes } = trunk;
    this.#trunk = trunk;
    this.#program = trunk.program(trained);
    const head = new HeadRows(trunk, trained);
    this.#head = head;
    const { rows, normed, selected: indices } = head;
    const values = trunk.shared('head values', [sizes.headRows, 1]);
    this.#all = trunk.shared('values', [sizes.rows, 1]);
    this.#gradient = trunk.shared('values gradient', [sizes.headRows, 1]);
    const outputGradient = this.#gradient;
    this.#clear = train.clear(trunk.activations.gradients.residual);
    this.#look = [
      ...head.enter,
      backend.operations.linear({
        ...{ rows, input: normed, weight: score.weight.value, bias: score.bias.value, output: values },
      }),
      train.scatterRows({ rows, input: values, indices, output: this.#all }),
    ];
    this.#learn = [
      ...head.enter,
      train.linearWeightGradient({
        ...{ rows, input: normed, outputGradient, weightGradient: score.weight.gradient },
      }),
      train.biasGradient({ rows, outputGradient, biasGradient: score.bias.gradient }),
      train.linearInputGradient({
        ...{ rows, outputGradient, weight: score.weight.value, inputGradient: head.normedGradient },
      }),
      ...head.leave,
    ];
  }

  /** V at each of the rows, which are all different. */
  async evaluate(batch: PackedBatch, rows: Uint32Array, signal?: AbortSignal): Promise<Float32Array> {
    await this.#trunk.forward(this.#program, batch, signal);
    await this.#head.run({ rows }, this.#look, signal);
    const [values = new Float32Array(0)] = await this.#trunk.backend.run(
      [],
      [{ tensor: this.#all, count: batch.rows }],
    );
    return Float32Array.from(rows, (row) => values[row]!);
  }

  /** As `PolicyModel.accumulate`; `slopes` gives ∂loss/∂V of each row. */
  async accumulate(
    batch: PackedBatch,
    rows: Uint32Array,
    slopes: (values: Float32Array) => ArrayLike<number>,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const { backend } = this.#trunk;
    const values = await this.evaluate(batch, rows, signal);
    const wanted = Float32Array.from(slopes(values));
    await backend.run([this.#clear]);
    await this.#head.run({ rows }, this.#learn, signal, (first, end) =>
      backend.write(this.#gradient, wanted.subarray(first, end)),
    );
    await this.#trunk.backward(this.#program, signal);
    return values;
  }
}
