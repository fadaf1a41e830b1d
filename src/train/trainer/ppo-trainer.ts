/** The trainer of a run: from the rollouts of a step to the next policy. */
import type { LoraAdapter } from '../../lm/lora/adapter';
import { AppError, toEnvelope } from '../../protocol/errors';
import { initialKlCoefficient } from '../ppo/kl-controller';
import type { Rollout, TrainerState } from '../records';
import { nameBrokenTensor } from './expect-numbers';
import { POLICY_ADAPTER, type StepOptions, type StepResult, type TrainerParts } from './parts';
import { runStep } from './run-step';

export class PpoTrainer {
  readonly #parts: TrainerParts;
  #steps = 0;
  #klCoefficient: number;
  /** What `read` gives, until something changes. */
  #known: TrainerState | undefined;
  #busy = false;
  #disposed = false;

  constructor(parts: TrainerParts) {
    this.#parts = parts;
    this.#klCoefficient = initialKlCoefficient(parts.config.kl.controller);
  }

  /** Of the backend: the engine's and the trainer's together. */
  get liveBytes(): number {
    return this.#parts.backend.liveBytes;
  }

  /** Steps done. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * One step of the recipe. It is done as a whole or not at all: after an error, an abort included, everything is as it was before,
   * unless the device itself is lost.
   * @throws AppError ABORTED, BAD_INPUT (no rollout that can be trained on), BUSY, CONTEXT_TOO_LONG, DEVICE_LOST, INTERNAL (something
   *   is not a number; `context.tensor` says what)
   */
  async step(rollouts: readonly Rollout[], options: StepOptions = {}): Promise<StepResult> {
    this.#expectFree();
    this.#busy = true;
    try {
      const before = await this.#state();
      try {
        const { klCoefficient, ...result } = await runStep(rollouts, {
          ...this.#parts,
          ...{ step: this.#steps, klCoefficient: this.#klCoefficient },
          ...options,
        });
        this.#klCoefficient = klCoefficient;
        this.#steps += 1;
        this.#known = undefined;
        return result;
      } catch (error) {
        if (toEnvelope(error).code !== 'DEVICE_LOST') this.#write(before);
        throw nameBrokenTensor(error, before);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** The policy as it is now becomes the engine's. @throws AppError OUT_OF_MEMORY, DEVICE_LOST */
  async publish(): Promise<void> {
    const { engine, adapter } = this.#parts;
    if (!adapter) {
      // The engine computes with the very weights that were trained; only what it cached is of the old ones.
      engine.resetCache();
      return;
    }
    const now = await adapter.read();
    await engine.removeAdapter(POLICY_ADAPTER);
    await engine.addAdapter(POLICY_ADAPTER, now);
  }

  /** Everything that the next step depends on. */
  async read(): Promise<TrainerState> {
    this.#expectFree();
    return this.#state();
  }

  /** @throws AppError BAD_INPUT for the state of another run; nothing is changed then */
  restore(state: TrainerState): Promise<void> {
    this.#expectFree();
    this.#write(state);
    return Promise.resolve();
  }

  /** @throws AppError UNSUPPORTED where all weights are trained */
  adapter(): Promise<LoraAdapter> {
    const { adapter } = this.#parts;
    if (adapter) return adapter.read();
    throw new AppError('UNSUPPORTED', 'This run trains the whole model, so it has no adapter.', {
      fix: 'Export the weights instead.',
    });
  }

  /** What is trained, by its names in a checkpoint. */
  weights(): Promise<TrainerState['tensors']> {
    return this.#parts.actor.state.values();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#parts.dispose();
  }

  async #state(): Promise<TrainerState> {
    const { actor, critic } = this.#parts;
    this.#known ??= {
      tensors: [...(await actor.state.read()), ...((await critic?.state.read()) ?? [])],
      numbers: {
        steps: this.#steps,
        actorUpdates: actor.optimiser.updates,
        criticUpdates: critic?.optimiser.updates ?? 0,
        klCoefficient: this.#klCoefficient,
      },
    };
    return this.#known;
  }

  #write(state: TrainerState): void {
    const { actor, critic } = this.#parts;
    const { steps, actorUpdates, criticUpdates, klCoefficient } = state.numbers;
    const tensors = new Map(state.tensors.map((tensor) => [tensor.name, tensor]));
    const numbers = [steps, actorUpdates, criticUpdates, klCoefficient];
    if (numbers.some((value) => value === undefined || !Number.isFinite(value))) {
      throw new AppError('BAD_INPUT', 'The checkpoint does not say how far the run had come.', {
        fix: 'Choose another checkpoint.',
      });
    }
    const write = [
      actor.state.prepare(tensors, actorUpdates!),
      ...(critic ? [critic.state.prepare(tensors, criticUpdates!)] : []),
    ];
    for (const apply of write) apply();
    [this.#steps, this.#klCoefficient] = [steps!, klCoefficient!];
    this.#known = undefined;
  }

  #expectFree(): void {
    if (this.#disposed) throw new AppError('INTERNAL', 'The trainer has been disposed of.');
    if (!this.#busy) return;
    throw new AppError('BUSY', 'A training step is under way.', {
      fix: 'Wait until it is done, or stop it.',
      recoverable: true,
    });
  }
}
