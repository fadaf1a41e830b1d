/** Builds matrix products: cuts them at the borders of shards, and chooses the kernel for a step's number of rows. */
import { AppError } from '../../protocol/errors';
import type { GatedLinearArguments, InputNorm, LinearArguments, Tensor } from '../backend';
import { checkGatedLinear, checkLinear } from '../checks';
import {
  GpuOperation,
  makeDispatch,
  type Dispatch,
  type OperationContext,
  type Workgroups,
} from './dispatch';
import type { Kernel } from './kernel';
import { optionalBindings, type LinearShape } from './kernels/linear-options';
import { broadcastWorkgroups, linearBroadcastKernel, supportsBroadcast } from './kernels/linear-broadcast';
import type { Block } from './kernels/linear-parts';
import { lanesFor, linearRowsKernel, rowsWorkgroups, type RowsForm } from './kernels/linear-rows';
import { linearTiledKernel, tiledWorkgroups } from './kernels/linear-tiled';
import { normaliseKernel } from './kernels/normalise';
import { needsScales, type WeightType } from './kernels/weight-code';
import { gpuTensor, type Shard } from './tensor';
import type { Tuning } from './tuning';

/** Columns of the result that one shard of the weight gives, or with a gate one shard of each half. */
export interface Segment {
  first: number;
  count: number;
  shard: Shard;
  other?: Shard;
}

/** Cuts `[0, outputs)` so that every piece's gate rows lie in one shard, and its up rows (`outputs` further down) too. */
export function gatedSegments(shards: readonly Shard[], outputs: number): Segment[] {
  const at = (row: number): Shard => {
    const found = shards.find(({ firstRow, rows }) => row >= firstRow && row < firstRow + rows);
    if (!found) throw new AppError('INTERNAL', `No shard holds row ${row}.`);
    return found;
  };
  const segments: Segment[] = [];
  for (let first = 0; first < outputs;) {
    const [shard, other] = [at(first), at(first + outputs)];
    const end = Math.min(outputs, shard.firstRow + shard.rows, other.firstRow + other.rows - outputs);
    segments.push({ first, count: end - first, shard, other });
    first = end;
  }
  return segments;
}

/** What a linear and a gated layer have in common. */
type Product = Omit<LinearArguments, 'outputColumn' | 'scale' | 'accumulate'>;

const buffer = (tensor: Tensor): GPUBuffer => gpuTensor(tensor).buffer;

/** How a step of up to `upTo` rows is computed, and whether its kernel normalises the input along the way. */
export interface Form {
  upTo: number;
  kernel: { kind: 'broadcast'; form: Block } | { kind: 'rows'; form: RowsForm } | { kind: 'tiled' };
  fusedNorm: boolean;
}

/** Weights from which a norm of its own is worth its dispatch, where arithmetic is what counts. */
const NORM_APART = 1 << 20;

/** WebGPU's default limit, for each dimension of a dispatch. */
const MOST_WORKGROUPS = 65535;

/** The forms of a product, in the order of `upTo`. Weights are read once for all rows that a form computes together. */
export function formsOf(shape: LinearShape, tuning: Tuning): Form[] {
  const { few } = tuning;
  const columns = shape.gated ? Math.ceil(few.columns / 2) : few.columns;
  if (tuning.products === 'apart') {
    const [one, block] = [
      { rows: 1, columns: 1 },
      { rows: few.rows, columns },
    ];
    const fusedNorm = shape.inputs * shape.outputs < NORM_APART;
    const rowsForms: Form[] = [
      { upTo: 2, kernel: { kind: 'rows', form: { ...one, lanes: 1 } }, fusedNorm },
      { upTo: Infinity, kernel: { kind: 'rows', form: { ...block, lanes: 1 } }, fusedNorm: false },
    ];
    if (tuning.broadcast === 0 || !supportsBroadcast(shape)) return rowsForms;
    // Where weights are loaded one vector at a time, larger steps are no faster this way.
    const many: Form = needsScales(shape.type)
      ? { upTo: Infinity, kernel: { kind: 'broadcast', form: block }, fusedNorm: true }
      : { upTo: Infinity, kernel: { kind: 'rows', form: { ...block, lanes: 1 } }, fusedNorm: false };
    return [{ upTo: 2, kernel: { kind: 'broadcast', form: one }, fusedNorm: true }, many];
  }
  const lanes = lanesFor(shape);
  // As many columns a thread as keep the workgroups within what one dimension of a dispatch may have.
  const single = { lanes, rows: 1, columns: Math.ceil((shape.outputs * lanes) / 64 / MOST_WORKGROUPS) };
  return [
    { upTo: 1, kernel: { kind: 'rows', form: single }, fusedNorm: true },
    {
      upTo: 4,
      kernel: { kind: 'rows', form: { lanes, rows: Math.min(4, few.rows), columns } },
      fusedNorm: false,
    },
    { upTo: 16, kernel: { kind: 'rows', form: { lanes, rows: few.rows, columns } }, fusedNorm: false },
    { upTo: Infinity, kernel: { kind: 'tiled' }, fusedNorm: false },
  ];
}

export class LinearBuilder {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  linear(a: LinearArguments): GpuOperation {
    const { inputs, stride } = checkLinear(a);
    const { outputColumn = 0, scale = 1, accumulate = false } = a;
    const segments = gpuTensor(a.weight).shards.map((shard): Segment => {
      return { first: shard.firstRow, count: shard.rows, shard };
    });
    const shape = {
      ...{ inputs, outputColumn, outputStride: stride, scale, accumulate, gated: false },
      ...{ type: weightType(a.weight), epsilon: a.norm?.epsilon, bias: a.bias !== undefined },
    };
    return this.#build('linear', a, shape, segments);
  }

  gatedLinear(a: GatedLinearArguments): GpuOperation {
    const { inputs, outputs } = checkGatedLinear(a);
    const segments = gatedSegments(gpuTensor(a.weight).shards, outputs);
    const shape = {
      ...{ inputs, outputColumn: 0, outputStride: outputs, scale: 1, accumulate: false, gated: true },
      ...{ type: weightType(a.weight), epsilon: a.norm?.epsilon, bias: false },
    };
    return this.#build('gatedLinear', a, shape, segments);
  }

  #build(
    name: string,
    a: Product,
    base: Omit<LinearShape, 'outputs' | 'firstOutput' | 'weightRow' | 'otherRow'>,
    segments: readonly Segment[],
  ): GpuOperation {
    const { norm } = a;
    const input = buffer(a.input);
    const total = segments.reduce((sum, { count }) => sum + count, 0);
    const segmentOf = (segment: Segment): LinearShape => ({
      ...{ ...base, outputs: segment.count, firstOutput: segment.first },
      outputColumn: base.outputColumn + segment.first,
      weightRow: segment.first - segment.shard.firstRow,
      otherRow: segment.other ? segment.first + total - segment.other.firstRow : 0,
    });
    const shapes = segments.map((segment) => ({ segment, shape: segmentOf(segment) }));
    const apart = norm && this.#normalise(a, norm, base.inputs);
    const [first] = shapes;
    const forms = (first ? formsOf(first.shape, this.#context.tuning) : []).map((form) => {
      const separate = form.fusedNorm ? undefined : apart;
      const dispatches = shapes.map(({ segment, shape }) =>
        this.#dispatch(
          a,
          separate ? { ...shape, epsilon: undefined } : shape,
          segment,
          form,
          separate?.output ?? input,
        ),
      );
      return { upTo: form.upTo, dispatches: separate ? [separate.dispatch, ...dispatches] : dispatches };
    });
    const none: Dispatch[] = [];
    return new GpuOperation(
      name,
      a.rows,
      ({ value }) => forms.find(({ upTo }) => value <= upTo)?.dispatches ?? none,
    );
  }

  #normalise(a: Product, norm: InputNorm, inputs: number): { dispatch: Dispatch; output: GPUBuffer } {
    const output = buffer(norm.scratch);
    const kernel = normaliseKernel(inputs, norm.epsilon);
    const buffers = [buffer(a.input), buffer(norm.weight), output];
    return { output, dispatch: makeDispatch(this.#context, kernel, a.rows, buffers, (rows) => [rows, 1]) };
  }

  #dispatch(
    a: Product,
    shape: LinearShape,
    { shard, other }: Segment,
    form: Form,
    input: GPUBuffer,
  ): Dispatch {
    const { tuning } = this.#context;
    const optional = {
      ...{ scales: shard.scales, other: other?.buffer, otherScales: other?.scales },
      ...{ normWeight: a.norm && buffer(a.norm.weight), bias: a.bias && buffer(a.bias) },
    };
    const buffers = [input, buffer(a.output), shard.buffer];
    for (const name of optionalBindings(shape)) {
      const found = optional[name];
      if (!found) throw new AppError('INTERNAL', `linear: ${name} is missing.`);
      buffers.push(found);
    }
    const [kernel, workgroups] = kernelOf(shape, form, tuning);
    return makeDispatch(this.#context, kernel, a.rows, buffers, (rows) => workgroups(rows));
  }
}

/** The kernel of a form, and how many workgroups a step of it takes. */
export function kernelOf(
  shape: LinearShape,
  { kernel }: Form,
  tuning: Tuning,
): [Kernel, (rows: number) => Workgroups] {
  const { outputs } = shape;
  switch (kernel.kind) {
    case 'broadcast':
      return [
        linearBroadcastKernel(shape, kernel.form, tuning),
        (rows) => broadcastWorkgroups(kernel.form, outputs, rows),
      ];
    case 'rows':
      return [
        linearRowsKernel(shape, kernel.form, tuning),
        (rows) => rowsWorkgroups(kernel.form, outputs, rows),
      ];
    case 'tiled':
      return [linearTiledKernel(shape, tuning), (rows) => tiledWorkgroups(outputs, rows)];
  }
}

export function weightType({ dtype, label }: Tensor): WeightType {
  if (dtype === 'u32') throw new AppError('INTERNAL', `${label} must be of a float type.`);
  return dtype;
}
