/** Builds the backward products, a dispatch for each shard of the weight or of its gradient. */
import type { Operation } from '../../backend';
import type { InputGradientArguments, WeightGradientArguments } from '../../training';
import { checkInputGradient, checkWeightGradient } from '../../training-checks';
import { GpuOperation, makeDispatch, type OperationContext, type Workgroups } from '../dispatch';
import { range, type Binding, type Kernel } from '../kernel';
import { readerStorage, SCALE_FUNCTION, weightReader } from '../kernels/weight-code';
import { weightType } from '../linear-operations';
import { gpuTensor } from '../tensor';
import { read, write } from './bindings';
import { productGradientKernel, productWorkgroups } from './product-gradient';
import { spreadProductKernel, spreadWorkgroups } from './product-spread';
import { weightColumns } from './weight-columns';
import type { Tuning } from '../tuning';
import type { WeightType } from '../kernels/weight-code';

/** A kernel, and its workgroups for a step's number of rows. */
interface Planned {
  kernel: Kernel;
  workgroups: (rows: number) => Workgroups;
}

/** Rows that a thread of a spread product takes. */
const BLOCK_ROWS = 4;
/** Of the narrow side of a weight's gradient, such as an adapter's rank. */
const NARROW_ROWS = 8;

/** Smaller products are over sooner than the longer code of a spread one is compiled. */
const SPREAD_WIDTH = 512;
/** Columns of an input's gradient below which threads own rows of it. */
const FEW_COLUMNS = 64;
const spreads = (inputs: number, outputs: number, { products, broadcast }: Tuning): boolean =>
  products === 'apart' && broadcast >= 4 && Math.max(inputs, outputs) >= SPREAD_WIDTH;

interface InputGradientShape {
  type: WeightType;
  inputs: number;
  /** Of the outputs, those of this shard. */
  outputs: number;
  stride: number;
  firstColumn: number;
  accumulate: boolean;
  scale: number;
}

function planInputGradient(shape: InputGradientShape, tuning: Tuning): Planned {
  const { type, inputs, outputs, stride, firstColumn, accumulate, scale } = shape;
  const scaled = type === 'q8' || type === 'q4';
  const bindings = (storage: string): Binding[] => [
    ...[read('outputGradient', 'f32'), write('result', 'f32')],
    ...[read('weight', storage), ...(scaled ? [read('scales', 'u32')] : [])],
  ];
  const a = (m: string, k: string): string => `outputGradient[${m} * ${stride}u + ${firstColumn}u + ${k}]`;
  const name = `input-gradient-${type}`;
  const spread = spreads(inputs, outputs, tuning);
  if (spread && type === 'f32' && inputs < FEW_COLUMNS) {
    // Too few columns to keep threads busy (an adapter's rank): they own rows instead.
    const units = 'rows';
    const kernel = spreadProductKernel(
      {
        ...{ name: `${name}-spread-turned`, bindings: bindings('f32'), functions: '' },
        ...{ m: inputs, k: outputs, units, blockRows: NARROW_ROWS, steps: 4 },
        a: (m, k) => `weight[(${k}) * ${inputs}u + ${m}]`,
        b: (k) => [
          `vec4f(${range(4)
            .map((j) => a(`(4u * unit + ${j}u)`, k))
            .join(', ')})`,
        ],
        column: () => '4u * unit',
        place: (m, n) => `${n} * ${inputs}u + ${m}`,
        inside: (n) => `${n} < extent.x`,
        ...{ accumulate, scale },
      },
      tuning,
    );
    return { kernel, workgroups: (rows) => spreadWorkgroups(Math.ceil(rows / 4), inputs, NARROW_ROWS) };
  }
  const columns = spread ? weightColumns(type, inputs) : undefined;
  if (!columns) {
    const readers = `
${type === 'f32' ? '' : SCALE_FUNCTION}
${weightReader(type, inputs, 'b_at', 'weight', 'scales')}
fn a_at(m: u32, k: u32) -> f32 { return ${a('m', 'k')}; }`;
    const kernel = productGradientKernel(
      {
        ...{ name, bindings: bindings(readerStorage(type)), readers, fast: 'k' },
        ...{ m: 'rows', n: inputs, k: outputs, scale, accumulate },
      },
      tuning,
    );
    return { kernel, workgroups: (rows) => productWorkgroups(inputs, rows, tuning) };
  }
  const { units, storage, functions, vectors, scale: factor, column } = columns;
  const kernel = spreadProductKernel(
    {
      ...{ name: `${name}-spread`, bindings: bindings(storage), functions },
      ...{
        m: 'rows',
        k: outputs,
        units,
        blockRows: BLOCK_ROWS,
        steps: scaled ? 8 : 4,
        a,
        b: vectors,
        column,
      },
      ...(factor && { factor }),
      place: (m, n) => `(${m}) * ${inputs}u + ${n}`,
      ...{ accumulate, scale },
    },
    tuning,
  );
  return { kernel, workgroups: (rows) => spreadWorkgroups(units, rows, BLOCK_ROWS) };
}

interface WeightGradientShape {
  inputs: number;
  outputs: number;
  stride: number;
  firstColumn: number;
  scale: number;
}

function planWeightGradient(shape: WeightGradientShape, tuning: Tuning): Planned {
  const { inputs, outputs, stride, firstColumn, scale } = shape;
  const gradient = (k: string, m: string): string =>
    `outputGradient[${k} * ${stride}u + ${firstColumn}u + ${m}]`;
  const ofInput = (k: string, n: string): string => `input[${k} * ${inputs}u + ${n}]`;
  const bindings = [read('outputGradient', 'f32'), write('result', 'f32'), read('input', 'f32')];
  if (!spreads(inputs, outputs, tuning)) {
    const readers = `
fn a_at(m: u32, k: u32) -> f32 { return ${gradient('k', 'm')}; }
fn b_at(k: u32, n: u32) -> f32 { return ${ofInput('k', 'n')}; }`;
    const kernel = productGradientKernel(
      {
        ...{ name: 'weight-gradient', bindings, readers, fast: 'm' },
        ...{ m: outputs, n: inputs, k: 'rows', scale, accumulate: true },
      },
      tuning,
    );
    return { kernel, workgroups: () => productWorkgroups(inputs, outputs, tuning) };
  }
  // The narrow side is handed around, the wide one is what threads own four elements of.
  const upright = outputs <= inputs;
  const [narrow, wide] = upright ? [outputs, inputs] : [inputs, outputs];
  const [readNarrow, readWide] = upright ? [gradient, ofInput] : [ofInput, gradient];
  const units = Math.ceil(wide / 4);
  const kernel = spreadProductKernel(
    {
      ...{ name: `weight-gradient-spread${upright ? '' : '-turned'}`, bindings, functions: '' },
      ...{ m: narrow, k: 'rows', units, blockRows: NARROW_ROWS, steps: 4 },
      a: (m, k) => readNarrow(`(${k})`, m),
      b: (k) => [
        `vec4f(${range(4)
          .map((j) => readWide(k, `4u * unit + ${j}u`))
          .join(', ')})`,
      ],
      column: () => '4u * unit',
      place: (m, n) => (upright ? `(${m}) * ${inputs}u + ${n}` : `${n} * ${inputs}u + ${m}`),
      ...(wide % 4 !== 0 && { inside: (n: string) => `${n} < ${wide}u` }),
      ...{ accumulate: true, scale },
    },
    tuning,
  );
  return { kernel, workgroups: () => spreadWorkgroups(units, narrow, NARROW_ROWS) };
}

export function linearInputGradient(context: OperationContext, a: InputGradientArguments): Operation {
  const { inputs, stride, outputColumn, scale } = checkInputGradient(a);
  const type = weightType(a.weight);
  const [from, to] = [gpuTensor(a.outputGradient).buffer, gpuTensor(a.inputGradient).buffer];
  const dispatches = gpuTensor(a.weight).shards.map(({ buffer, scales, firstRow, rows: outputs }, shard) => {
    // The sums over a weight's shards add up in the result.
    const accumulate = shard > 0 || (a.accumulate ?? false);
    const { kernel, workgroups } = planInputGradient(
      { type, inputs, outputs, stride, firstColumn: outputColumn + firstRow, accumulate, scale },
      context.tuning,
    );
    return makeDispatch(context, kernel, a.rows, [from, to, buffer, ...(scales ? [scales] : [])], workgroups);
  });
  return new GpuOperation('linearInputGradient', a.rows, () => dispatches);
}

export function linearWeightGradient(context: OperationContext, a: WeightGradientArguments): Operation {
  const { inputs, stride, outputColumn, scale } = checkWeightGradient(a);
  const [input, from] = [gpuTensor(a.input).buffer, gpuTensor(a.outputGradient).buffer];
  const dispatches = gpuTensor(a.weightGradient).shards.map(({ buffer, firstRow, rows: outputs }) => {
    const { kernel, workgroups } = planWeightGradient(
      { inputs, outputs, stride, firstColumn: outputColumn + firstRow, scale },
      context.tuning,
    );
    return makeDispatch(context, kernel, a.rows, [from, buffer, input], workgroups);
  });
  return new GpuOperation('linearWeightGradient', a.rows, () => dispatches);
}
