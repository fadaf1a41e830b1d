/** Shape checks of the training operations, shared by the backends. */
import { AppError } from '../protocol/errors';
import { ROW_FIELDS, type HeadShape, type Tensor } from './backend';
import { matrixShape } from './checks';
import {
  ADAM_FIELDS,
  ATTENTION_FIELDS,
  SLOPE_FIELDS,
  SQUARE_PARTS,
  TOKEN_FIELDS,
  type AdamWArguments,
  type AttentionGradientArguments,
  type EmbedGradientArguments,
  type GateGradientArguments,
  type HeadNormGradientArguments,
  type InputGradientArguments,
  type LogitGradientArguments,
  type MoveRowsArguments,
  type RmsNormArguments,
  type RotateGradientArguments,
  type SquareSumArguments,
  type TokenLossArguments,
  type WeightGradientArguments,
} from './training';

function expect(condition: boolean, operation: string, what: string): void {
  if (!condition) throw new AppError('INTERNAL', `${operation}: ${what}.`);
}

function expectShape(operation: string, tensor: Tensor, ...shape: number[]): void {
  const fits = tensor.shape.join() === shape.join();
  expect(fits, operation, `${tensor.label} is [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]`);
}

/** A matrix with exactly these columns and at least these rows. */
function expectMatrix(operation: string, tensor: Tensor, rows: number, columns: number): void {
  const shape = matrixShape(tensor);
  const fits = shape.columns === columns && shape.rows >= rows;
  expect(
    fits,
    operation,
    `${tensor.label} is [${shape.rows}, ${shape.columns}] where [≥ ${rows}, ${columns}] is needed`,
  );
}

const expectLength = (operation: string, tensor: Tensor, length: number): void =>
  expect((tensor.shape[0] ?? 0) >= length, operation, `${tensor.label} is shorter than ${length}`);

export const elements = (tensor: Tensor): number => tensor.shape.reduce((product, size) => product * size, 1);

export const headWidth = (heads: HeadShape): number =>
  (heads.queryHeads + 2 * heads.keyValueHeads) * heads.headSize;

export function checkNormed(
  operation: string,
  { rows, input, norm }: Pick<RmsNormArguments, 'rows' | 'input' | 'norm'>,
  ...same: readonly Tensor[]
): number {
  const { columns } = matrixShape(input);
  for (const tensor of [input, ...same]) expectMatrix(operation, tensor, rows.maximum, columns);
  expectShape(operation, norm.weight, columns);
  return columns;
}

export function checkHeadNormGradient(a: HeadNormGradientArguments): void {
  for (const tensor of [a.projections, a.gradient]) {
    expectMatrix('headNormGradient', tensor, a.rows.maximum, headWidth(a.heads));
  }
  for (const tensor of [a.queryWeight, a.keyWeight, a.queryWeightGradient, a.keyWeightGradient]) {
    if (tensor) expectShape('headNormGradient', tensor, a.heads.headSize);
  }
}

export function checkRotateGradient(a: RotateGradientArguments): void {
  expectMatrix('rotateGradient', a.gradient, a.rows.maximum, headWidth(a.heads));
  expectMatrix('rotateGradient', a.rowTable, a.rows.maximum, ROW_FIELDS);
  expectMatrix('rotateGradient', a.angles, 1, a.heads.headSize);
}

export function checkAttentionGradient(a: AttentionGradientArguments): void {
  const name = 'attentionGradient';
  const { heads, cache } = a;
  const rows = a.rows.maximum;
  for (const tensor of [a.projections, a.gradient]) expectMatrix(name, tensor, rows, headWidth(heads));
  for (const tensor of [a.output, a.outputGradient]) {
    expectMatrix(name, tensor, rows, heads.queryHeads * heads.headSize);
  }
  expectMatrix(name, a.statistics, rows, heads.queryHeads * ATTENTION_FIELDS);
  expectMatrix(name, a.rowTable, rows, ROW_FIELDS);
  for (const tensor of [cache.keys, cache.values]) {
    expectShape(name, tensor, cache.slots, cache.capacity, heads.keyValueHeads * heads.headSize);
  }
}

export function checkGateGradient(a: GateGradientArguments): number {
  const { columns } = matrixShape(a.outputGradient);
  for (const tensor of [a.input, a.inputGradient]) {
    expectMatrix('gateGradient', tensor, a.rows.maximum, 2 * columns);
  }
  expectMatrix('gateGradient', a.outputGradient, a.rows.maximum, columns);
  return columns;
}

export interface ProductShape {
  inputs: number;
  outputs: number;
  /** Length of a row of the output's gradient. */
  stride: number;
  outputColumn: number;
  scale: number;
}

export function checkProductGradient(
  operation: string,
  a: Pick<InputGradientArguments, 'rows' | 'outputGradient' | 'outputColumn' | 'scale'>,
  weight: Tensor,
  input: Tensor,
): ProductShape {
  const { rows: outputs, columns: inputs } = matrixShape(weight);
  const { columns: stride } = matrixShape(a.outputGradient);
  const { outputColumn = 0, scale = 1 } = a;
  expectMatrix(operation, input, a.rows.maximum, inputs);
  expectMatrix(operation, a.outputGradient, a.rows.maximum, stride);
  const inside = Number.isInteger(outputColumn) && outputColumn >= 0 && outputColumn + outputs <= stride;
  expect(inside, operation, `${a.outputGradient.label} has no ${outputs} columns from ${outputColumn} on`);
  return { inputs, outputs, stride, outputColumn, scale };
}

export const checkInputGradient = (a: InputGradientArguments): ProductShape =>
  checkProductGradient('linearInputGradient', a, a.weight, a.inputGradient);

export const checkWeightGradient = (a: WeightGradientArguments): ProductShape =>
  checkProductGradient('linearWeightGradient', a, a.weightGradient, a.input);

export function checkEmbedGradient(a: EmbedGradientArguments): number {
  const { columns } = matrixShape(a.tableGradient);
  expectMatrix('embedGradient', a.outputGradient, a.rows.maximum, columns);
  expectMatrix('embedGradient', a.rowTable, a.rows.maximum, ROW_FIELDS);
  return columns;
}

export function checkMove(operation: string, { rows, input, output }: MoveRowsArguments): number {
  const { columns } = matrixShape(input);
  expectMatrix(operation, input, rows.maximum, columns);
  expectMatrix(operation, output, 1, columns);
  return columns;
}

export function checkTokenLoss(a: TokenLossArguments): number {
  const { columns } = matrixShape(a.logits);
  expectMatrix('tokenStatistics', a.logits, a.rows.maximum, columns);
  expectMatrix('tokenStatistics', a.statistics, 1, TOKEN_FIELDS);
  for (const tensor of [a.targets, a.selected]) expectLength('tokenStatistics', tensor, a.rows.maximum);
  expect(a.temperature > 0, 'tokenStatistics', 'the temperature must be above 0');
  return columns;
}

export function checkLogitGradient(a: LogitGradientArguments): number {
  expectMatrix('logitGradient', a.slopes, a.statistics.shape[0] ?? 0, SLOPE_FIELDS);
  return checkTokenLoss(a);
}

export function checkAdamW(a: AdamWArguments): void {
  expectShape('adamW', a.settings, ADAM_FIELDS);
  for (const tensor of [a.gradient, a.first, a.second]) expectShape('adamW', tensor, ...a.value.shape);
}

export function checkSquareSum(a: SquareSumArguments): void {
  expectMatrix('squareSum', a.output, a.row + 1, SQUARE_PARTS);
}
