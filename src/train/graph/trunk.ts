/**
 * The transformer in training: one set of activations, and for everything that can be trained on it (an adapter, all weights,
 * nothing) a program. The forward pass keeps each layer's input; the backward pass computes the layer again from it, unless there is
 * memory to keep all of it.
 */
import type { Backend, DType, Operation, Tensor } from '../../gpu/backend';
import type { TrainingOperations } from '../../gpu/training';
import { trainingOperations } from '../../gpu/training-for';
import type { ModelConfig } from '../../lm/config';
import type { ModelWeights } from '../../lm/weights';
import { AppError, throwIfAborted } from '../../protocol/errors';
import { makeActivations, type Activations, type TrainingSizes } from './activations';
import type { PackedBatch } from './batch';
import { buildLayer, type LayerProgram } from './layer';
import type { Trained } from './parameters';

export interface TrunkProgram {
  trained: Trained;
  embed: Operation;
  layers: readonly LayerProgram[];
  /** Into the embedding's gradient, where it is trained. */
  embedBackward: readonly Operation[];
}

export class TrainingTrunk {
  readonly train: TrainingOperations;
  readonly activations: Activations;
  readonly #owned: { dispose(): void }[] = [];
  readonly #shared = new Map<string, Tensor>();

  /** Allocates; `backend.ready()` must follow before anything runs. The weights stay their owner's. */
  constructor(
    readonly backend: Backend,
    readonly config: ModelConfig,
    readonly weights: ModelWeights,
    readonly sizes: TrainingSizes,
  ) {
    this.train = trainingOperations(backend);
    this.activations = makeActivations(backend, this.allocate, config, sizes);
    this.#owned.push(this.activations.rows, this.train);
  }

  /** A tensor that goes with the trunk. */
  readonly allocate: Backend['tensor'] = (label, shape, dtype): Tensor => {
    const tensor = this.backend.tensor(label, shape, dtype);
    this.#owned.push(tensor);
    return tensor;
  };

  /** Memory that programs may share, since they run one after the other: the same tensor for the same label and shape. */
  shared(label: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    const key = `${label} ${shape.join()}`;
    const tensor = this.#shared.get(key) ?? this.allocate(label, shape, dtype);
    this.#shared.set(key, tensor);
    return tensor;
  }

  /** Frees what it allocated, and what is given to it, when it is disposed of. */
  own(item: { dispose(): void }): void {
    this.#owned.push(item);
  }

  program(trained: Trained): TrunkProgram {
    const { backend, train, config, activations } = this;
    const weights = trained.base ?? this.weights;
    const { rows, rowTable, inputs, gradients } = activations;
    const op = backend.operations;
    const [first] = inputs;
    if (!first) throw new AppError('INTERNAL', 'The model has no layers.');
    const isKept = this.sizes.keepLayers ?? false;
    const common = { op, train, config, activations, trained, isKept };
    const layers = weights.layers.map((layer, index) => buildLayer({ ...common, weights: layer, index }));
    const tableGradient = trained.weights?.gradients.embedding;
    return {
      ...{ trained, layers },
      embed: op.embed({ rows, rowTable, table: weights.embedding, output: first }),
      embedBackward: tableGradient
        ? [train.embedGradient({ rows, rowTable, outputGradient: gradients.residual, tableGradient })]
        : [],
    };
  }

  /** @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED, DEVICE_LOST */
  async forward(program: TrunkProgram, batch: PackedBatch, signal?: AbortSignal): Promise<void> {
    this.#check(batch);
    const { rows, rowTable } = this.activations;
    this.backend.write(rowTable, batch.table);
    rows.value = batch.rows;
    rows.oneSequence = batch.sequences === 1;
    await this.backend.run([program.embed]);
    for (const layer of program.layers) {
      throwIfAborted(signal);
      await this.backend.run(layer.forward);
    }
  }

  /** After a forward pass, with the gradient of the trunk's output in `gradients.residual`. A layer a submission. */
  async backward(program: TrunkProgram, signal?: AbortSignal): Promise<void> {
    for (const layer of [...program.layers].reverse()) {
      throwIfAborted(signal);
      await this.backend.run(layer.backward);
    }
    if (program.embedBackward.length > 0) await this.backend.run(program.embedBackward);
  }

  dispose(): void {
    for (const item of this.#owned) item.dispose();
    this.#owned.length = 0;
  }

  #check({ rows, sequences, longest }: PackedBatch): void {
    const most = this.sizes;
    if (rows < 1) throw new AppError('BAD_INPUT', 'There are no tokens to train on.');
    if (rows <= most.rows && sequences <= most.sequences && longest <= most.capacity) return;
    throw new AppError(
      'CONTEXT_TOO_LONG',
      `A micro-batch of ${rows} tokens in ${sequences} sequences of up to ${longest} does not fit into ${most.rows}, ${most.sequences} and ${most.capacity}.`,
      { fix: 'Use smaller micro-batches or shorter sequences.' },
    );
  }
}
