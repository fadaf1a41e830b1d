/** A policy in training: log-probabilities and entropies of chosen tokens, and the gradients of a loss by them. */
import { ROW_FIELDS, ROW_TOKEN, type Operation, type Tensor } from '../../gpu/backend';
import { SLOPE_FIELDS, TOKEN_ENTROPY, TOKEN_FIELDS, TOKEN_LOG_PROB } from '../../gpu/training';
import type { PackedBatch } from './batch';
import { HeadRows, type HeadTargets } from './head-rows';
import type { Trained } from './parameters';
import type { TrainingTrunk, TrunkProgram } from './trunk';

export interface PolicyTargets extends HeadTargets {
  /** `tokens[i]` is what follows row `rows[i]`. */
  tokens: Uint32Array;
}

export interface PolicyOutputs {
  /** Natural, one for each target, of softmax(logits ÷ temperature). */
  logProbs: Float32Array;
  /** In nats, of the same distribution. */
  entropies: Float32Array;
}

/** Of the loss, one for each target. */
export interface PolicySlopes {
  logProbs: ArrayLike<number>;
  /** Default: none. */
  entropies?: ArrayLike<number>;
}

/** The token after each of these columns: what a policy is asked for. Columns whose successor is padding have none. */
export function targetsOf(
  { rowOf, table, columns }: PackedBatch,
  wanted: (sequence: number, column: number) => boolean,
): PolicyTargets & { places: number[] } {
  const [rows, tokens, places]: number[][] = [[], [], []];
  rowOf.forEach((row, at) => {
    const column = at % columns;
    const next = column + 1 < columns ? rowOf[at + 1]! : -1;
    if (row < 0 || next < 0 || !wanted(Math.floor(at / columns), column)) return;
    rows!.push(row);
    tokens!.push(table[next * ROW_FIELDS + ROW_TOKEN]!);
    places!.push(at);
  });
  return { rows: Uint32Array.from(rows!), tokens: Uint32Array.from(tokens!), places: places! };
}

export class PolicyModel {
  readonly #trunk: TrainingTrunk;
  readonly #program: TrunkProgram;
  readonly #head: HeadRows;
  readonly #statistics: Tensor;
  readonly #slopes: Tensor;
  readonly #look: Operation[];
  readonly #learn: Operation[];
  readonly #clear: Operation;

  /** Its memory is the trunk's; `backend.ready()` must follow. */
  constructor(trunk: TrainingTrunk, trained: Trained, temperature = 1) {
    const { backend, train, sizes, config } = trunk;
    const weights = trained.base ?? trunk.weights;
    this.#trunk = trunk;
    this.#program = trunk.program(trained);
    const gradients = trained.weights?.gradients;
    const head = new HeadRows(trunk, trained);
    this.#head = head;
    this.#statistics = trunk.shared('token statistics', [sizes.rows, TOKEN_FIELDS]);
    this.#slopes = trunk.shared('token slopes', [sizes.rows, SLOPE_FIELDS]);
    const logits = trunk.shared('logits', [sizes.headRows, config.vocabSize]);
    const { rows, targets, selected, normed } = head;
    this.#clear = train.clear(trunk.activations.gradients.residual);
    const loss = { rows, logits, targets, selected, statistics: this.#statistics, temperature };
    const toLogits = [
      ...head.enter,
      backend.operations.linear({ rows, input: normed, weight: weights.head, output: logits }),
    ];
    this.#look = [...toLogits, train.tokenStatistics(loss)];
    this.#learn = [
      ...toLogits,
      train.logitGradient({ ...loss, slopes: this.#slopes }),
      ...(gradients
        ? [
            train.linearWeightGradient({
              ...{ rows, input: normed, outputGradient: logits, weightGradient: gradients.head },
            }),
          ]
        : []),
      train.linearInputGradient({
        ...{ rows, outputGradient: logits, weight: weights.head, inputGradient: head.normedGradient },
      }),
      ...head.leave,
    ];
  }

  async evaluate(batch: PackedBatch, targets: PolicyTargets, signal?: AbortSignal): Promise<PolicyOutputs> {
    await this.forward(batch, signal);
    return this.look(batch, targets, signal);
  }

  /** The trunk alone; `look` may follow. */
  forward(batch: PackedBatch, signal?: AbortSignal): Promise<void> {
    return this.#trunk.forward(this.#program, batch, signal);
  }

  /** After a forward pass of the same batch. */
  async look(batch: PackedBatch, targets: PolicyTargets, signal?: AbortSignal): Promise<PolicyOutputs> {
    await this.#head.run(targets, this.#look, signal);
    const read = { tensor: this.#statistics, count: batch.rows * TOKEN_FIELDS };
    const [values = new Float32Array(0)] = await this.#trunk.backend.run([], [read]);
    const field = (which: number): Float32Array =>
      Float32Array.from(targets.rows, (row) => values[row * TOKEN_FIELDS + which]!);
    return { logProbs: field(TOKEN_LOG_PROB), entropies: field(TOKEN_ENTROPY) };
  }

  /**
   * Computes a micro-batch, asks `slopes` for the loss's, and adds the gradients of what is trained to what is there.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED (gradients are then partly added), DEVICE_LOST
   */
  async accumulate(
    batch: PackedBatch,
    targets: PolicyTargets,
    slopes: (outputs: PolicyOutputs) => PolicySlopes,
    signal?: AbortSignal,
  ): Promise<PolicyOutputs> {
    const { backend } = this.#trunk;
    const outputs = await this.evaluate(batch, targets, signal);
    const { logProbs, entropies } = slopes(outputs);
    // Nothing to learn here: the backward pass would add zeros.
    if (isZero(logProbs) && (!entropies || isZero(entropies))) return outputs;
    const table = new Float32Array(batch.rows * SLOPE_FIELDS);
    targets.rows.forEach((row, i) => {
      table[row * SLOPE_FIELDS] = logProbs[i]!;
      table[row * SLOPE_FIELDS + 1] = entropies?.[i] ?? 0;
    });
    backend.write(this.#slopes, table);
    await backend.run([this.#clear]);
    await this.#head.run(targets, this.#learn, signal);
    await this.#trunk.backward(this.#program, signal);
    return outputs;
  }
}

const isZero = (values: ArrayLike<number>): boolean =>
  Array.prototype.every.call(values, (value) => value === 0);
