/** Runs a head over the rows that need it, a block at a time, so that no more than a block of logits is ever there. */
import type { Backend, Extent, Operation, Tensor } from '../../gpu/backend';
import { throwIfAborted } from '../../protocol/errors';
import type { Trained } from './parameters';
import type { TrainingTrunk } from './trunk';

/** Which rows of a step a head looks at, and for a policy which token each of them is to be followed by. */
export interface HeadTargets {
  /** All different. */
  rows: Uint32Array;
  tokens?: Uint32Array;
}

export class HeadRows {
  readonly rows: Extent;
  /** u32 `[headRows]` */
  readonly selected: Tensor;
  readonly targets: Tensor;
  /** `[headRows, hidden]`: the trunk's output, and the same after the final norm; each with its gradient. */
  readonly chosen: Tensor;
  readonly normed: Tensor;
  readonly chosenGradient: Tensor;
  readonly normedGradient: Tensor;
  /** Fills `chosen` and `normed`. */
  readonly enter: Operation[];
  /** From `normedGradient` to the residual gradient of these rows. */
  readonly leave: Operation[];
  readonly #backend: Backend;

  constructor(trunk: TrainingTrunk, { weights: trained, base }: Trained) {
    const { backend, config, sizes, train, activations } = trunk;
    const normGradient = trained?.gradients.finalNorm;
    const matrix = (label: string): Tensor =>
      trunk.shared(`head ${label}`, [sizes.headRows, config.hiddenSize]);
    this.#backend = backend;
    this.rows = backend.extent(sizes.headRows);
    trunk.own(this.rows);
    this.selected = trunk.shared('head selected', [sizes.headRows], 'u32');
    this.targets = trunk.shared('head targets', [sizes.headRows], 'u32');
    [this.chosen, this.normed] = [matrix('chosen'), matrix('normed')];
    [this.chosenGradient, this.normedGradient] = [matrix('chosen gradient'), matrix('normed gradient')];
    const { rows, selected: indices, chosen, normed } = this;
    const last = activations.inputs[config.layers]!;
    const norm = { weight: (base ?? trunk.weights).finalNorm, epsilon: config.normEpsilon };
    this.enter = [
      backend.operations.selectRows({ rows, input: last, indices, output: chosen }),
      train.rmsNorm({ rows, input: chosen, norm, output: normed }),
    ];
    this.leave = [
      train.rmsNormGradient({
        ...{ rows, input: chosen, norm, outputGradient: this.normedGradient },
        ...{ inputGradient: this.chosenGradient, ...(normGradient && { weightGradient: normGradient }) },
      }),
      train.scatterRows({
        ...{ rows, input: this.chosenGradient, indices, output: activations.gradients.residual },
      }),
    ];
  }

  /** One submission a block; `before` writes what else the block needs. */
  async run(
    { rows, tokens }: HeadTargets,
    program: readonly Operation[],
    signal: AbortSignal | undefined,
    before?: (first: number, end: number) => void,
  ): Promise<void> {
    for (let first = 0; first < rows.length; first += this.rows.maximum) {
      throwIfAborted(signal);
      const end = Math.min(rows.length, first + this.rows.maximum);
      this.#backend.write(this.selected, rows.subarray(first, end));
      if (tokens) this.#backend.write(this.targets, tokens.subarray(first, end));
      before?.(first, end);
      this.rows.value = end - first;
      await this.#backend.run(program);
    }
  }
}
