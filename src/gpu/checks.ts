/** Shape checks shared by the backends: a graph that does not fit together is refused when it is built. */
import { AppError } from '../protocol/errors';
import type {
  AttentionArguments,
  CopyCacheArguments,
  EmbedArguments,
  Extent,
  GateArguments,
  GatedLinearArguments,
  HeadNormArguments,
  HeadShape,
  InputNorm,
  KeyValueTensors,
  LinearArguments,
  RotateArguments,
  RowStatisticsArguments,
  SampleArguments,
  SelectRowsArguments,
  Tensor,
} from './backend';
import { COPY_FIELDS, ROW_FIELDS, SAMPLED_FIELDS, SAMPLE_SETTINGS, STAT_FIELDS } from './backend';
import { GROUP, GROUP_BYTES, type Blocks } from './blocks';
import { isBlockType, type DType } from './dtype';
import { attentionPartials, samplePartials } from './partials';

export interface MatrixShape {
  rows: number;
  columns: number;
}

export function matrixShape(tensor: Tensor): MatrixShape {
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new AppError('INTERNAL', `${tensor.label} must be a matrix, not [${tensor.shape.join(', ')}].`);
  }
  return { rows, columns };
}

function expect(condition: boolean, operation: string, what: string): void {
  if (!condition) throw new AppError('INTERNAL', `${operation}: ${what}.`);
}

function expectColumns(operation: string, tensor: Tensor, columns: number): void {
  const shape = matrixShape(tensor);
  expect(
    shape.columns === columns,
    operation,
    `${tensor.label} has ${shape.columns} columns instead of ${columns}`,
  );
}

function expectRows(operation: string, tensor: Tensor, rows: number): void {
  expect((tensor.shape[0] ?? 0) >= rows, operation, `${tensor.label} has fewer than ${rows} rows`);
}

function expectVector(operation: string, tensor: Tensor, length: number): void {
  const ok = tensor.shape.length === 1 && tensor.shape[0] === length;
  expect(ok, operation, `${tensor.label} must be [${length}], not [${tensor.shape.join(', ')}]`);
}

function checkNorm(operation: string, norm: InputNorm | undefined, rows: Extent, inputs: number): void {
  if (!norm) return;
  expectVector(operation, norm.weight, inputs);
  expectColumns(operation, norm.scratch, inputs);
  expectRows(operation, norm.scratch, rows.maximum);
}

export function checkEmbed(a: EmbedArguments): void {
  expectColumns('embed', a.rowTable, ROW_FIELDS);
  expectColumns('embed', a.output, matrixShape(a.table).columns);
  expectRows('embed', a.output, a.rows.maximum);
  expectRows('embed', a.rowTable, a.rows.maximum);
}

export function checkLinear(a: LinearArguments): { inputs: number; outputs: number; stride: number } {
  const { rows: outputs, columns: inputs } = matrixShape(a.weight);
  const { outputColumn = 0 } = a;
  const stride = matrixShape(a.output).columns;
  expectColumns('linear', a.input, inputs);
  if (a.outputColumn === undefined) expectColumns('linear', a.output, outputs);
  const inside = Number.isInteger(outputColumn) && outputColumn >= 0 && outputColumn + outputs <= stride;
  expect(inside, 'linear', `${a.output.label} has no ${outputs} columns from ${outputColumn} on`);
  expect(Number.isFinite(a.scale ?? 1), 'linear', 'the scale must be a number');
  expectRows('linear', a.input, a.rows.maximum);
  expectRows('linear', a.output, a.rows.maximum);
  if (a.bias) expectVector('linear', a.bias, outputs);
  checkNorm('linear', a.norm, a.rows, inputs);
  return { inputs, outputs, stride };
}

export function checkGatedLinear(a: GatedLinearArguments): { inputs: number; outputs: number } {
  const { rows, columns: inputs } = matrixShape(a.weight);
  expect(rows % 2 === 0, 'gatedLinear', 'the weight needs an even number of rows');
  expectColumns('gatedLinear', a.input, inputs);
  expectColumns('gatedLinear', a.output, rows / 2);
  expectRows('gatedLinear', a.input, a.rows.maximum);
  expectRows('gatedLinear', a.output, a.rows.maximum);
  checkNorm('gatedLinear', a.norm, a.rows, inputs);
  return { inputs, outputs: rows / 2 };
}

export function checkGate(a: GateArguments): { outputs: number } {
  const { columns: outputs } = matrixShape(a.output);
  expectColumns('gate', a.input, 2 * outputs);
  expectRows('gate', a.input, a.rows.maximum);
  expectRows('gate', a.output, a.rows.maximum);
  return { outputs };
}

function checkHeadShape(operation: string, heads: HeadShape): void {
  expect(
    heads.queryHeads % heads.keyValueHeads === 0,
    operation,
    'query heads must be a multiple of kv heads',
  );
  expect(heads.headSize % 2 === 0, operation, 'the head size must be even');
}

export function checkHeadNorm(a: HeadNormArguments): void {
  checkHeadShape('headNorm', a.heads);
  expectColumns('headNorm', a.projections, projectionWidth(a.heads));
  expectRows('headNorm', a.projections, a.rows.maximum);
  for (const weight of [a.queryWeight, a.keyWeight]) {
    if (weight) expectVector('headNorm', weight, a.heads.headSize);
  }
}

function checkHeads(operation: string, heads: HeadShape, cache: KeyValueTensors): void {
  checkHeadShape(operation, heads);
  for (const tensor of [cache.keys, cache.values]) {
    const [slots, capacity, width] = tensor.shape;
    const ok =
      slots === cache.slots && capacity === cache.capacity && width === heads.keyValueHeads * heads.headSize;
    expect(ok, operation, `${tensor.label} does not have the cache's shape`);
  }
}

const projectionWidth = (heads: HeadShape): number =>
  (heads.queryHeads + 2 * heads.keyValueHeads) * heads.headSize;

export function checkRotate(a: RotateArguments): void {
  checkHeads('rotateAndCache', a.heads, a.cache);
  expectColumns('rotateAndCache', a.projections, projectionWidth(a.heads));
  expectColumns('rotateAndCache', a.angles, a.heads.headSize);
  expectRows('rotateAndCache', a.angles, a.cache.capacity);
  expectColumns('rotateAndCache', a.rowTable, ROW_FIELDS);
  expectRows('rotateAndCache', a.rowTable, a.rows.maximum);
}

export function checkAttention(a: AttentionArguments): void {
  checkHeads('attention', a.heads, a.cache);
  expectColumns('attention', a.projections, projectionWidth(a.heads));
  expectColumns('attention', a.output, a.heads.queryHeads * a.heads.headSize);
  expectRows('attention', a.output, a.rows.maximum);
  expectRows('attention', a.rowTable, a.rows.maximum);
  if (a.partials) expectColumns('attention', a.partials, attentionPartials(1, a.heads)[1]);
}

export function checkCopyCache(a: CopyCacheArguments): { width: number } {
  expectVector('copyCache', a.copyTable, COPY_FIELDS);
  expect(a.rows.maximum <= a.cache.capacity, 'copyCache', 'more rows than the cache has positions');
  return { width: a.cache.keys.shape[2] ?? 0 };
}

export function checkSelectRows(a: SelectRowsArguments): void {
  expectColumns('selectRows', a.output, matrixShape(a.input).columns);
  expectVector('selectRows', a.indices, a.indices.shape[0] ?? 0);
  expectRows('selectRows', a.indices, a.rows.maximum);
  expectRows('selectRows', a.output, a.rows.maximum);
}

export function checkRowStatistics(a: RowStatisticsArguments): void {
  expectColumns('rowStatistics', a.output, STAT_FIELDS);
  expectRows('rowStatistics', a.input, a.rows.maximum);
  expectRows('rowStatistics', a.output, a.rows.maximum);
  expectRows('rowStatistics', a.targets, a.rows.maximum);
}

const ARRAYS: Partial<Record<DType, string>> = {
  f32: 'Float32Array',
  u32: 'Uint32Array',
  f16: 'Uint16Array',
};

/** A write of elements must be of the tensor's own type, inside it, and for f16 begin and end at whole words. */
export function checkWrite(
  tensor: Tensor,
  data: Float32Array | Uint32Array | Uint16Array,
  offset: number,
): void {
  const { label, dtype, shape } = tensor;
  expect(
    data.constructor.name === ARRAYS[dtype],
    'write',
    `${label} is ${dtype}, the data a ${data.constructor.name}`,
  );
  const count = shape.reduce((product, size) => product * size, 1);
  const inside = offset >= 0 && offset + data.length <= count;
  expect(inside, 'write', `${data.length} elements from ${offset} on do not fit into ${label}`);
  if (dtype === 'f16') {
    expect(offset % 2 === 0 && data.length % 2 === 0, 'write', `${label} is written in pairs of f16`);
  }
}

/** How many whole rows the blocks are; they must fit into the tensor from `firstRow` on. */
export function blockRows(
  tensor: Tensor,
  blocks: Blocks,
  firstRow: number,
): { rows: number; columns: number } {
  const { label, dtype } = tensor;
  if (!isBlockType(dtype)) throw new AppError('INTERNAL', `writeBlocks: ${label} is ${dtype}.`);
  const shape = matrixShape(tensor);
  const groups = shape.columns / GROUP;
  const rows = blocks.scales.length / groups;
  const whole = Number.isInteger(rows) && blocks.values.length === rows * groups * GROUP_BYTES[dtype];
  expect(whole, 'writeBlocks', `the blocks are not whole rows of ${label}`);
  expect(firstRow >= 0 && firstRow + rows <= shape.rows, 'writeBlocks', `the rows do not fit into ${label}`);
  return { rows, columns: shape.columns };
}

export function checkSample(a: SampleArguments): { vocabulary: number } {
  const { columns: vocabulary } = matrixShape(a.logits);
  expectColumns('sample', a.rowTable, ROW_FIELDS);
  expectColumns('sample', a.settings, SAMPLE_SETTINGS);
  expectColumns('sample', a.seen, Math.ceil(vocabulary / 32));
  expectColumns('sample', a.output, SAMPLED_FIELDS);
  expectRows('sample', a.seen, a.settings.shape[0] ?? 0);
  expectColumns('sample', a.partials, samplePartials(vocabulary));
  for (const tensor of [a.logits, a.selected, a.output, a.partials])
    expectRows('sample', tensor, a.rows.maximum);
  return { vocabulary };
}
