/** Shape checks shared by the backends: a graph that does not fit together is refused when it is built. */
import { AppError } from '../protocol/errors';
import type {
  AttentionArguments,
  EmbedArguments,
  GatedLinearArguments,
  HeadShape,
  KeyValueTensors,
  LinearArguments,
  RmsNorm,
  RotateArguments,
  RowStatisticsArguments,
  SelectRowsArguments,
  Tensor,
} from './backend';
import { ROW_FIELDS, STAT_FIELDS } from './backend';

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

const checkNorm = (operation: string, norm: RmsNorm | undefined, inputs: number): void => {
  if (norm) expectVector(operation, norm.weight, inputs);
};

export function checkEmbed(a: EmbedArguments): void {
  expectColumns('embed', a.rowTable, ROW_FIELDS);
  expectColumns('embed', a.output, matrixShape(a.table).columns);
  expectRows('embed', a.output, a.rows.maximum);
  expectRows('embed', a.rowTable, a.rows.maximum);
}

export function checkLinear(a: LinearArguments): { inputs: number; outputs: number } {
  const { rows: outputs, columns: inputs } = matrixShape(a.weight);
  expectColumns('linear', a.input, inputs);
  expectColumns('linear', a.output, outputs);
  expectRows('linear', a.input, a.rows.maximum);
  expectRows('linear', a.output, a.rows.maximum);
  if (a.bias) expectVector('linear', a.bias, outputs);
  checkNorm('linear', a.norm, inputs);
  return { inputs, outputs };
}

export function checkGatedLinear(a: GatedLinearArguments): { inputs: number; outputs: number } {
  const { rows, columns: inputs } = matrixShape(a.weight);
  expect(rows % 2 === 0, 'gatedLinear', 'the weight needs an even number of rows');
  expectColumns('gatedLinear', a.input, inputs);
  expectColumns('gatedLinear', a.output, rows / 2);
  expectRows('gatedLinear', a.input, a.rows.maximum);
  expectRows('gatedLinear', a.output, a.rows.maximum);
  checkNorm('gatedLinear', a.norm, inputs);
  return { inputs, outputs: rows / 2 };
}

function checkHeads(operation: string, heads: HeadShape, cache: KeyValueTensors): void {
  expect(
    heads.queryHeads % heads.keyValueHeads === 0,
    operation,
    'query heads must be a multiple of kv heads',
  );
  expect(heads.headSize % 2 === 0, operation, 'the head size must be even');
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
