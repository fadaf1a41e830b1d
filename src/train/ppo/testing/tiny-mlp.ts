/** Two hidden layers of tanh and a linear one, one sample at a time, with back-propagation: enough for CartPole. */
import type { Random } from '../../../lm/random';

interface Layer {
  inputs: number;
  outputs: number;
  /** `[outputs, inputs + 1]`, the bias last. */
  weights: Float64Array;
  gradient: Float64Array;
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

/** Rows (or columns, where there are more rows) at right angles, of length `gain` (Saxe et al., arXiv 1312.6120); bias 0. */
function orthogonal(inputs: number, outputs: number, gain: number, random: Random): Layer {
  const [count, size] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
  const rows: Float64Array[] = [];
  for (let i = 0; i < count; i += 1) {
    const row = Float64Array.from({ length: size }, () => normal(random));
    for (const other of rows) {
      const along = row.reduce((sum, x, j) => sum + x * (other[j] ?? 0), 0);
      row.forEach((x, j) => (row[j] = x - along * (other[j] ?? 0)));
    }
    const length = Math.hypot(...row);
    rows.push(row.map((x) => x / length));
  }
  const weights = new Float64Array(outputs * (inputs + 1));
  for (let o = 0; o < outputs; o += 1) {
    for (let i = 0; i < inputs; i += 1) {
      weights[o * (inputs + 1) + i] = gain * ((outputs <= inputs ? rows[o]?.[i] : rows[i]?.[o]) ?? 0);
    }
  }
  return { inputs, outputs, weights, gradient: new Float64Array(weights.length) };
}

export class TinyMlp {
  readonly #layers: Layer[];

  constructor(sizes: readonly number[], outputGain: number, random: Random) {
    this.#layers = sizes
      .slice(1)
      .map((outputs, i) =>
        orthogonal(sizes[i] ?? 0, outputs, i === sizes.length - 2 ? outputGain : Math.SQRT2, random),
      );
  }

  get parameters(): { weights: Float64Array; gradient: Float64Array }[] {
    return this.#layers;
  }

  /** The input of each layer and, last, the output. */
  forward(input: Float64Array): Float64Array[] {
    const activations = [input];
    for (let depth = 0; depth < this.#layers.length; depth += 1) {
      const { inputs, outputs, weights } = this.#layers[depth]!;
      const x = activations[depth]!;
      const y = new Float64Array(outputs);
      const isLast = depth === this.#layers.length - 1;
      for (let o = 0; o < outputs; o += 1) {
        const at = o * (inputs + 1);
        let sum = weights[at + inputs]!;
        for (let i = 0; i < inputs; i += 1) sum += weights[at + i]! * x[i]!;
        y[o] = isLast ? sum : Math.tanh(sum);
      }
      activations.push(y);
    }
    return activations;
  }

  /** Adds ∂loss/∂weights, given the activations of a sample and ∂loss/∂output. */
  backward(activations: readonly Float64Array[], slope: Float64Array): void {
    let above = slope;
    for (let depth = this.#layers.length - 1; depth >= 0; depth -= 1) {
      const { inputs, outputs, weights, gradient } = this.#layers[depth]!;
      const x = activations[depth]!;
      const below = new Float64Array(inputs);
      for (let o = 0; o < outputs; o += 1) {
        const at = o * (inputs + 1);
        const s = above[o]!;
        gradient[at + inputs] = gradient[at + inputs]! + s;
        for (let i = 0; i < inputs; i += 1) {
          gradient[at + i] = gradient[at + i]! + s * x[i]!;
          below[i] = below[i]! + s * weights[at + i]!;
        }
      }
      // Through the tanh that made x.
      for (let i = 0; i < inputs; i += 1) below[i] = below[i]! * (1 - x[i]! * x[i]!);
      above = below;
    }
  }
}

export interface AdamOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** The norm of all gradients together is at most this. */
  gradientClip: number;
}

/** Adam (arXiv 1412.6980, algorithm 1) over several networks, whose gradients are clipped together and then set to 0. */
export class Adam {
  readonly #moments: [first: Float64Array, second: Float64Array][];
  #step = 0;

  constructor(
    private readonly parameters: readonly { weights: Float64Array; gradient: Float64Array }[],
    private readonly options: AdamOptions,
  ) {
    this.#moments = parameters.map(({ weights: { length } }) => [
      new Float64Array(length),
      new Float64Array(length),
    ]);
  }

  step(rate: number): void {
    const { beta1, beta2, epsilon, gradientClip } = this.options;
    this.#step += 1;
    let squares = 0;
    for (const { gradient } of this.parameters) {
      for (let i = 0; i < gradient.length; i += 1) squares += gradient[i]! ** 2;
    }
    const scale = Math.min(1, gradientClip / (Math.sqrt(squares) + 1e-6));
    const [correct1, correct2] = [1 - beta1 ** this.#step, 1 - beta2 ** this.#step];
    for (const [p, { weights, gradient }] of this.parameters.entries()) {
      const [first, second] = this.#moments[p]!;
      for (let i = 0; i < weights.length; i += 1) {
        const g = gradient[i]! * scale;
        first[i] = beta1 * first[i]! + (1 - beta1) * g;
        second[i] = beta2 * second[i]! + (1 - beta2) * g * g;
        const stride = first[i]! / correct1 / (Math.sqrt(second[i]! / correct2) + epsilon);
        weights[i] = weights[i]! - rate * stride;
      }
      gradient.fill(0);
    }
  }
}
