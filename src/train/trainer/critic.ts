/** The critic of a run: values of states, and their gradients. */
import type { Parameter } from '../graph/parameters';
import type { Episodes } from './episodes';
import type { Pass } from './passes';

export interface CriticOptions {
  signal?: AbortSignal | undefined;
  /** Called after each pass. */
  onPass?: (() => void) | undefined;
}

export interface Critic {
  /** Those of the value head among them. */
  readonly parameters: readonly Parameter[];
  /** Passes of the model that `accumulate` makes. */
  readonly needsPasses: boolean;
  /** V of the cells of `mask` in these passes, into `grid`. */
  values(
    episodes: Episodes,
    passes: readonly Pass[],
    mask: Float64Array,
    grid: Float64Array,
    options: CriticOptions,
  ): Promise<void>;
  /** Computes the values of the cells again and adds the gradients of a loss whose slopes `slopes` knows. */
  accumulate(
    episodes: Episodes,
    passes: readonly Pass[],
    mask: Float64Array,
    slopes: (cells: Int32Array, values: Float32Array) => ArrayLike<number>,
    options: CriticOptions,
  ): Promise<void>;
  dispose(): void;
}
