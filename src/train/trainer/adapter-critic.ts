/** A critic with an adapter of its own on the untrained model, and a value head. */
import { AdapterParameters, type Parameter, type Trained } from '../graph/parameters';
import type { TrainingTrunk } from '../graph/trunk';
import { makeValueHead, ValueModel } from '../graph/value-model';
import type { LoraAdapter } from '../../lm/lora/adapter';
import type { Critic, CriticOptions } from './critic';
import type { Episodes } from './episodes';
import { cellsOf, type Pass } from './passes';

export class AdapterCritic implements Critic {
  readonly needsPasses = true;
  readonly parameters: readonly Parameter[];
  readonly #model: ValueModel;
  readonly #adapter: AdapterParameters;

  /** `backend.ready()` must follow. */
  constructor(trunk: TrainingTrunk, frozen: Trained, adapter: LoraAdapter) {
    this.#adapter = new AdapterParameters(trunk.backend, trunk.config, adapter);
    const head = makeValueHead(trunk);
    this.#model = new ValueModel(trunk, { ...frozen, adapter: this.#adapter }, head);
    this.parameters = [...this.#adapter.parameters, head.weight, head.bias];
  }

  async values(
    episodes: Episodes,
    passes: readonly Pass[],
    mask: Float64Array,
    grid: Float64Array,
    { signal, onPass }: CriticOptions,
  ): Promise<void> {
    for (const pass of passes) {
      const { cells, rows } = cellsOf(episodes, pass, mask);
      const values = await this.#model.evaluate(pass.batch, rows, signal);
      cells.forEach((cell, i) => (grid[cell] = values[i]!));
      onPass?.();
    }
  }

  async accumulate(
    episodes: Episodes,
    passes: readonly Pass[],
    mask: Float64Array,
    slopes: (cells: Int32Array, values: Float32Array) => ArrayLike<number>,
    { signal, onPass }: CriticOptions,
  ): Promise<void> {
    for (const pass of passes) {
      const { cells, rows } = cellsOf(episodes, pass, mask);
      await this.#model.accumulate(pass.batch, rows, (values) => slopes(cells, values), signal);
      onPass?.();
    }
  }

  dispose(): void {
    this.#adapter.dispose();
  }
}
