/** Adapters in the backend's memory, each with a program of its own over the same weights. */
import type { Backend, Extent, InputNorm, Operation, Tensor } from '../../gpu/backend';
import { AppError } from '../../protocol/errors';
import type { ModelConfig } from '../config';
import type { LoraAdapter } from './adapter';
import { moduleShape, type LoraModule } from './modules';
import { stackPairs, type PlacedPair, type StackedPair } from './stack';

/** The activations that adapters read and add to. */
export interface Activations {
  rows: Extent;
  residual: Tensor;
  projections: Tensor;
  attended: Tensor;
  gated: Tensor;
}

/** One layer's operations, in the order in which they run. */
export interface LayerOperations {
  /** q, k and v, one beside the other. */
  project: Operation;
  /** From the projections to `attended`. */
  attend: readonly Operation[];
  output: Operation;
  /** Both products and the gate in one. */
  gated: Operation;
  down: Operation;
  attentionNorm: InputNorm;
  mlpNorm: InputNorm;
  gateUpWeight: Tensor;
}

export interface ResidentAdapter {
  readonly adapter: LoraAdapter;
  /** In the backend's memory. */
  readonly bytes: number;
  readonly program: readonly Operation[];
}

/** A place where low-rank products are added: the modules that write there, side by side. */
interface Site {
  modules: readonly LoraModule[];
  input: Tensor;
  norm?: InputNorm;
  output: Tensor;
}

interface Resident extends ResidentAdapter {
  tensors: readonly Tensor[];
  gates: boolean;
}

export class ResidentAdapters {
  readonly #backend: Backend;
  readonly #config: ModelConfig;
  readonly #activations: Activations;
  readonly #embed: Operation;
  readonly #layers: readonly LayerOperations[];
  readonly #resident = new Map<string, Resident>();
  /** Gate and up before the gate, `[rows, 2·intermediate]`; there while an adapter needs it. */
  #gateUp: Tensor | undefined;
  /** Ids whose tensors are on their way. */
  readonly #coming = new Set<string>();

  constructor(
    backend: Backend,
    config: ModelConfig,
    activations: Activations,
    embed: Operation,
    layers: readonly LayerOperations[],
  ) {
    this.#backend = backend;
    this.#config = config;
    this.#activations = activations;
    this.#embed = embed;
    this.#layers = layers;
  }

  get all(): ReadonlyMap<string, ResidentAdapter> {
    return this.#resident;
  }

  /** @throws AppError NOT_FOUND */
  program(id: string): readonly Operation[] {
    const found = this.#resident.get(id);
    if (found) return found.program;
    throw new AppError('NOT_FOUND', `The adapter ${id} is not loaded.`, {
      fix: 'Load it, or use the base model.',
    });
  }

  /**
   * Brings an adapter into memory; it can be used once this has resolved.
   * @throws AppError BAD_INPUT (id in use, other model), OUT_OF_MEMORY, DEVICE_LOST; nothing stays allocated then
   */
  async add(id: string, adapter: LoraAdapter): Promise<void> {
    if (this.#resident.has(id) || this.#coming.has(id)) {
      throw new AppError('BAD_INPUT', `There is already an adapter ${id}.`, { fix: 'Remove it first.' });
    }
    this.#checkFit(adapter);
    this.#coming.add(id);
    let made: Resident | undefined;
    try {
      made = this.#build(id, adapter);
      await this.#backend.ready();
      this.#resident.set(id, made);
    } catch (error) {
      for (const tensor of made?.tensors ?? []) tensor.dispose();
      throw error;
    } finally {
      this.#coming.delete(id);
      this.#freeGateUp();
    }
  }

  /** Frees its tensors; none of its operations may be running. Unknown ids are no error. */
  remove(id: string): void {
    for (const tensor of this.#resident.get(id)?.tensors ?? []) tensor.dispose();
    this.#resident.delete(id);
    this.#freeGateUp();
  }

  dispose(): void {
    for (const id of [...this.#resident.keys()]) this.remove(id);
  }

  #checkFit({ pairs }: LoraAdapter): void {
    for (const { layer, module, rank, down, up } of pairs) {
      const { inputs, outputs } = moduleShape(this.#config, module);
      const fits =
        layer < this.#layers.length && down.length === rank * inputs && up.length === outputs * rank;
      if (fits) continue;
      throw new AppError('BAD_INPUT', `The adapter's ${module} of layer ${layer} does not fit this model.`, {
        fix: 'Check that the adapter was made for this model.',
      });
    }
  }

  #freeGateUp(): void {
    if (this.#coming.size > 0 || [...this.#resident.values()].some(({ gates }) => gates)) return;
    this.#gateUp?.dispose();
    this.#gateUp = undefined;
  }

  #build(id: string, adapter: LoraAdapter): Resident {
    const tensors: Tensor[] = [];
    const inner = new Map<number, Tensor>();
    const allocate = (name: string, shape: readonly number[]): Tensor => {
      const tensor = this.#backend.tensor(`adapter ${id} ${name}`, shape);
      tensors.push(tensor);
      return tensor;
    };
    /** x·Aᵀ; all products of a rank share it, one after the other. */
    const innerOf = (rank: number): Tensor => {
      const tensor = inner.get(rank) ?? allocate(`inner ${rank}`, [this.#activations.rows.maximum, rank]);
      inner.set(rank, tensor);
      return tensor;
    };
    try {
      const program = [this.#embed];
      let gates = false;
      this.#layers.forEach((layer, index) => {
        const at = (site: Site): Operation[] =>
          stackPairs(adapter, this.#pairsAt(adapter, index, site.modules)).flatMap((stacked) =>
            this.#products(site, stacked, innerOf(stacked.rank), (name, shape) =>
              allocate(`layer ${index} ${site.modules.join('+')} ${name}`, shape),
            ),
          );
        const { residual, projections, attended, gated } = this.#activations;
        program.push(
          layer.project,
          ...at({
            ...{ modules: ['q_proj', 'k_proj', 'v_proj'], input: residual, norm: layer.attentionNorm },
            output: projections,
          }),
          ...layer.attend,
          layer.output,
          ...at({ modules: ['o_proj'], input: attended, output: residual }),
        );
        if (this.#pairsAt(adapter, index, ['gate_proj', 'up_proj']).length > 0) {
          gates = true;
          const site = { modules: ['gate_proj', 'up_proj'], input: residual, norm: layer.mlpNorm } as const;
          program.push(...this.#gatedInParts(layer, (output) => at({ ...site, output })));
        } else program.push(layer.gated);
        program.push(layer.down, ...at({ modules: ['down_proj'], input: gated, output: residual }));
      });
      const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
      return { adapter, bytes, program, tensors, gates };
    } catch (error) {
      for (const tensor of tensors) tensor.dispose();
      throw error;
    }
  }

  /** The pairs of these modules in a layer, each with the column where its output begins among them. */
  #pairsAt(adapter: LoraAdapter, layer: number, modules: readonly LoraModule[]): PlacedPair[] {
    let column = 0;
    return modules.flatMap((module) => {
      const begin = column;
      column += moduleShape(this.#config, module).outputs;
      const pair = adapter.pairs.find((item) => item.layer === layer && item.module === module);
      return pair ? [{ pair, column: begin }] : [];
    });
  }

  #products(
    { input, norm, output }: Site,
    { rank, inputs, outputs, down, up, scale, outputColumn }: StackedPair,
    inner: Tensor,
    allocate: (name: string, shape: readonly number[]) => Tensor,
  ): Operation[] {
    const { operations: op } = this.#backend;
    const { rows } = this.#activations;
    const first = allocate('A', [rank, inputs]);
    const second = allocate('B', [outputs, rank]);
    this.#backend.write(first, down);
    this.#backend.write(second, up);
    return [
      op.linear({ rows, input, ...(norm && { norm }), weight: first, output: inner }),
      op.linear({ rows, input: inner, weight: second, output, outputColumn, scale, accumulate: true }),
    ];
  }

  /** The gated product with room for additions between the two products and the gate. */
  #gatedInParts(layer: LayerOperations, additions: (output: Tensor) => Operation[]): Operation[] {
    const { operations: op } = this.#backend;
    const { rows, residual, gated } = this.#activations;
    const { intermediateSize } = this.#config;
    this.#gateUp ??= this.#backend.tensor('gate and up', [rows.maximum, 2 * intermediateSize]);
    const output = this.#gateUp;
    return [
      op.linear({ rows, input: residual, norm: layer.mlpNorm, weight: layer.gateUpWeight, output }),
      ...additions(output),
      op.gate({ rows, input: output, output: gated }),
    ];
  }
}
