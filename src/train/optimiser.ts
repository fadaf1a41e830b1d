/** AdamW over the parameters of a model, with the global norm of the gradients bounded. */
import type { Backend, Operation, Tensor } from '../gpu/backend';
import {
  ADAM_BETA1,
  ADAM_BETA2,
  ADAM_CORRECTION1,
  ADAM_CORRECTION2,
  ADAM_DECAY,
  ADAM_EPSILON,
  ADAM_FIELDS,
  ADAM_RATE,
  ADAM_SCALE,
  SQUARE_PARTS,
  type TrainingOperations,
} from '../gpu/training';
import { AppError } from '../protocol/errors';
import { readParameters, type Parameter } from './graph/parameters';

export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Gradients are scaled so that their norm over all parameters is at most this. */
  gradientClip: number;
}

export interface UpdateReport {
  /** Before clipping. */
  gradientNorm: number;
  /** min(1, clip/(norm + 1e-6)), as PyTorch's `clip_grad_norm_`. */
  gradientScale: number;
}

/** Both moments of every parameter, in their order, and how often they were updated: what a checkpoint needs. */
export interface OptimiserState {
  updates: number;
  first: Float32Array[];
  second: Float32Array[];
}

interface Moments {
  first: Tensor;
  second: Tensor;
}

export class AdamW {
  readonly #backend: Backend;
  readonly #parameters: readonly Parameter[];
  readonly #options: AdamWOptions;
  readonly #moments: Moments[];
  readonly #settings: Tensor;
  readonly #squares: Tensor;
  readonly #measure: Operation[];
  readonly #update: Operation[];
  readonly #clear: Operation[];
  #updates = 0;

  /** `backend.ready()` must follow. */
  constructor(
    backend: Backend,
    train: TrainingOperations,
    parameters: readonly Parameter[],
    options: AdamWOptions,
  ) {
    this.#backend = backend;
    this.#parameters = parameters;
    this.#options = options;
    this.#settings = backend.tensor('optimiser settings', [ADAM_FIELDS]);
    this.#squares = backend.tensor('squares', [parameters.length, SQUARE_PARTS]);
    this.#moments = parameters.map(({ name, value: { shape } }) => ({
      first: backend.tensor(`${name} first moment`, shape),
      second: backend.tensor(`${name} second moment`, shape),
    }));
    this.#measure = parameters.map(({ gradient }, row) =>
      train.squareSum({ input: gradient, output: this.#squares, row }),
    );
    this.#update = parameters.map(({ value, gradient }, i) =>
      train.adamW({ settings: this.#settings, value, gradient, ...this.#moments[i]! }),
    );
    this.#clear = parameters.map(({ gradient }) => train.clear(gradient));
  }

  get updates(): number {
    return this.#updates;
  }

  async clearGradients(): Promise<void> {
    await this.#backend.run(this.#clear);
  }

  /**
   * One update with the gradients that are there; they stay.
   * @throws AppError INTERNAL naming the parameter whose gradient is not a number; nothing is changed then.
   */
  async step(learningRate: number): Promise<UpdateReport> {
    const gradientNorm = await this.gradientNorm();
    const { beta1, beta2, epsilon, weightDecay, gradientClip } = this.#options;
    const gradientScale = Math.min(1, gradientClip / (gradientNorm + 1e-6));
    this.#updates += 1;
    const settings = new Float32Array(ADAM_FIELDS);
    settings[ADAM_RATE] = learningRate;
    [settings[ADAM_BETA1], settings[ADAM_BETA2]] = [beta1, beta2];
    [settings[ADAM_EPSILON], settings[ADAM_DECAY]] = [epsilon, weightDecay];
    settings[ADAM_CORRECTION1] = 1 - beta1 ** this.#updates;
    settings[ADAM_CORRECTION2] = 1 - beta2 ** this.#updates;
    settings[ADAM_SCALE] = gradientScale;
    this.#backend.write(this.#settings, settings);
    await this.#backend.run(this.#update);
    return { gradientNorm, gradientScale };
  }

  /** L2 over all parameters. @throws as `step` */
  async gradientNorm(): Promise<number> {
    const read = { tensor: this.#squares, count: this.#parameters.length * SQUARE_PARTS };
    const [parts = new Float32Array(0)] = await this.#backend.run(this.#measure, [read]);
    let total = 0;
    this.#parameters.forEach(({ name }, row) => {
      let own = 0;
      for (let i = 0; i < SQUARE_PARTS; i += 1) own += parts[row * SQUARE_PARTS + i]!;
      if (!Number.isFinite(own)) {
        throw new AppError('INTERNAL', `Training stopped: the gradient of ${name} is not a number.`, {
          fix: 'Go back to the last checkpoint and lower the learning rate.',
          context: { tensor: name },
        });
      }
      total += own;
    });
    return Math.sqrt(total);
  }

  async read(): Promise<OptimiserState> {
    const moments = this.#parameters.map((parameter, i) => ({ ...parameter, ...this.#moments[i]! }));
    const of = (which: keyof Moments): Promise<Float32Array[]> =>
      readParameters(
        this.#backend,
        moments.map((moment) => ({ ...moment, value: moment[which] })),
        'value',
      );
    return { updates: this.#updates, first: await of('first'), second: await of('second') };
  }

  /** @throws AppError BAD_INPUT for the state of other parameters */
  restore({ updates, first, second }: OptimiserState): void {
    if (first.length !== this.#moments.length || second.length !== this.#moments.length) {
      throw new AppError('BAD_INPUT', 'The optimiser’s state belongs to another model.');
    }
    this.#moments.forEach((moments, i) => {
      this.#backend.write(moments.first, first[i]!);
      this.#backend.write(moments.second, second[i]!);
    });
    this.#updates = updates;
  }

  dispose(): void {
    for (const { first, second } of this.#moments) [first, second].forEach((tensor) => tensor.dispose());
    this.#settings.dispose();
    this.#squares.dispose();
  }
}
