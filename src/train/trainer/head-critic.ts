/**
 * The cheap critic: a value head alone, on the hidden states of the untrained model. These never change, so they are computed once
 * a step (in the pass of the reference policy, where there is one), and learning from them takes no pass at all.
 */
import type { Backend } from '../../gpu/backend';
import { AppError } from '../../protocol/errors';
import { readParameters, type Parameter } from '../graph/parameters';
import type { TrainingTrunk } from '../graph/trunk';
import { makeValueHead, type ValueHead } from '../graph/value-model';
import type { Critic, CriticOptions } from './critic';
import type { Episodes } from './episodes';
import { cellsOf, type Pass } from './passes';

export class HeadCritic implements Critic {
  readonly needsPasses = false;
  readonly parameters: readonly Parameter[];
  readonly #backend: Backend;
  readonly #head: ValueHead;
  readonly #hidden: number;
  /** By cell of the step's grid. */
  #states = new Map<number, Float32Array>();

  /** `backend.ready()` must follow. */
  constructor(trunk: TrainingTrunk) {
    this.#backend = trunk.backend;
    this.#hidden = trunk.config.hiddenSize;
    this.#head = makeValueHead(trunk);
    this.parameters = [this.#head.weight, this.#head.bias];
  }

  /** Takes what the step needs of a pass's hidden states, `[rows, hidden]`. */
  keep(episodes: Episodes, pass: Pass, mask: Float64Array, hidden: Float32Array): void {
    const { cells, rows } = cellsOf(episodes, pass, mask);
    const own = new Float32Array(cells.length * this.#hidden);
    cells.forEach((cell, i) => {
      const state = own.subarray(i * this.#hidden, (i + 1) * this.#hidden);
      state.set(hidden.subarray(rows[i]! * this.#hidden, (rows[i]! + 1) * this.#hidden));
      this.#states.set(cell, state);
    });
  }

  forget(): void {
    this.#states = new Map();
  }

  async values(
    episodes: Episodes,
    passes: readonly Pass[],
    mask: Float64Array,
    grid: Float64Array,
  ): Promise<void> {
    const look = await this.#look();
    for (const pass of passes) {
      for (const cell of cellsOf(episodes, pass, mask).cells) grid[cell] = look(this.#stateOf(cell));
    }
  }

  async accumulate(
    episodes: Episodes,
    passes: readonly Pass[],
    mask: Float64Array,
    slopes: (cells: Int32Array, values: Float32Array) => ArrayLike<number>,
    { onPass }: CriticOptions,
  ): Promise<void> {
    const look = await this.#look();
    const slope = new Float64Array(this.#hidden);
    let bias = 0;
    for (const pass of passes) {
      const { cells } = cellsOf(episodes, pass, mask);
      const wanted = slopes(
        cells,
        Float32Array.from(cells, (cell) => look(this.#stateOf(cell))),
      );
      cells.forEach((cell, i) => {
        const s = wanted[i]!;
        const state = this.#stateOf(cell);
        for (let k = 0; k < this.#hidden; k += 1) slope[k]! += s * state[k]!;
        bias += s;
      });
      onPass?.();
    }
    // What the gradients hold already is known to be nothing: the optimiser clears them before every mini-batch.
    this.#backend.write(this.#head.weight.gradient, Float32Array.from(slope));
    this.#backend.write(this.#head.bias.gradient, Float32Array.of(bias));
  }

  dispose(): void {
    this.forget();
  }

  async #look(): Promise<(state: Float32Array) => number> {
    const [weight, bias] = await readParameters(this.#backend, this.parameters, 'value');
    return (state) => {
      let sum = bias![0]!;
      for (let k = 0; k < state.length; k += 1) sum += weight![k]! * state[k]!;
      return sum;
    };
  }

  #stateOf(cell: number): Float32Array {
    const state = this.#states.get(cell);
    if (state) return state;
    throw new AppError('INTERNAL', 'The critic was asked about a state that it has not seen.');
  }
}
