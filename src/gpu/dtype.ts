/** Element types of tensors, and how they lie in memory: the same on every backend, so that a budget can be computed. */
import { AppError } from '../protocol/errors';
import { GROUP, GROUP_BYTES, type BlockType } from './blocks';

/**
 * Activations, norms and biases are f32, indices u32. A weight `[rows, columns]` may also be f16 (an even number of
 * columns), or q8 or q4 (columns a multiple of 32; see `Blocks`).
 */
export type DType = 'f32' | 'u32' | 'f16' | 'q8' | 'q4';

export const isBlockType = (dtype: DType): dtype is BlockType => dtype === 'q8' || dtype === 'q4';

/** Bytes that one row of `columns` elements takes; of blocks, without their scales. */
export const rowBytes = (dtype: DType, columns: number): number =>
  isBlockType(dtype) ? (columns / GROUP) * GROUP_BYTES[dtype] : columns * (dtype === 'f16' ? 2 : 4);

/** f16 scales that one row takes: an even number, so that rows begin at whole words. */
export const rowScales = (dtype: DType, columns: number): number =>
  isBlockType(dtype) ? 2 * Math.ceil(columns / GROUP / 2) : 0;

/** Bytes that a tensor takes on every backend. */
export function tensorBytes(dtype: DType, shape: readonly number[]): number {
  const rows = shape[0] ?? 1;
  const columns = shape.reduce((product, size) => product * size, 1) / rows;
  return rows * (rowBytes(dtype, columns) + 2 * rowScales(dtype, columns));
}

/** @throws AppError UNSUPPORTED for a shape that the type cannot have. */
export function checkTypedShape(label: string, dtype: DType, shape: readonly number[]): void {
  if (dtype === 'f32' || dtype === 'u32') return;
  const [, columns = 0] = shape;
  const multiple = dtype === 'f16' ? 2 : GROUP;
  if (shape.length === 2 && columns % multiple === 0) return;
  throw new AppError(
    'UNSUPPORTED',
    `${label} cannot be ${dtype}: that takes a matrix whose columns are a multiple of ${multiple}, not [${shape.join(', ')}].`,
    { fix: dtype === 'f16' ? 'Keep it in f32.' : 'Keep it in f16 or f32.' },
  );
}
