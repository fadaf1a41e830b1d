/** What a head reads: the trunk's output after the final norm. */
import type { Operation, Tensor } from '../../gpu/backend';
import type { PackedBatch } from './batch';
import type { Trained } from './parameters';
import type { TrainingTrunk } from './trunk';

export class HiddenStates {
  readonly #trunk: TrainingTrunk;
  readonly #output: Tensor;
  readonly #norm: Operation;

  constructor(trunk: TrainingTrunk, { base }: Trained) {
    const { train, config, activations } = trunk;
    const { rows, inputs, gradients } = activations;
    // Between two backward passes its memory is free.
    const output = gradients.normed;
    this.#trunk = trunk;
    this.#output = output;
    const norm = { weight: (base ?? trunk.weights).finalNorm, epsilon: config.normEpsilon };
    this.#norm = train.rmsNorm({ rows, input: inputs[config.layers]!, norm, output });
  }

  /** `[rows, hidden]` of the batch, after a forward pass of it. */
  async read({ rows }: PackedBatch): Promise<Float32Array> {
    const { backend, config } = this.#trunk;
    const read = { tensor: this.#output, count: rows * config.hiddenSize };
    const [values = new Float32Array(0)] = await backend.run([this.#norm], [read]);
    return values;
  }
}
