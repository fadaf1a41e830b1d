import { AppError } from '../../protocol/errors';
import type { Arena } from '../arena';
import type { Tensor } from '../backend';
import { dequantiseGroups, GROUP, type BlockType } from '../blocks';
import { isBlockType, rowScales, tensorBytes, type DType } from '../dtype';
import { halfValues } from '../half';
import { matrixShape } from '../checks';
import type { BlockMatrix } from './block-product';

type Storage = Float32Array | Uint32Array | Uint16Array | Uint8Array;

export class CpuTensor implements Tensor {
  readonly bytes: number;
  readonly #arena: Arena<CpuTensor>;

  constructor(
    readonly label: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly array: Storage,
    /** Of q8 and q4: `rowScales` of them a row. */
    readonly scales: Uint16Array,
    arena: Arena<CpuTensor>,
  ) {
    this.bytes = tensorBytes(dtype, shape);
    this.#arena = arena;
    arena.add(this);
  }

  dispose(): void {
    this.#arena.release(this);
  }
}

export function cpu(tensor: Tensor): CpuTensor {
  if (!(tensor instanceof CpuTensor)) {
    throw new AppError('INTERNAL', `${tensor.label} belongs to another backend.`);
  }
  return tensor;
}

export function floats(tensor: Tensor): Float32Array {
  const { array, label } = cpu(tensor);
  if (!(array instanceof Float32Array)) throw new AppError('INTERNAL', `${label} must be f32.`);
  return array;
}

export function integers(tensor: Tensor): Uint32Array {
  const { array, label } = cpu(tensor);
  if (!(array instanceof Uint32Array)) throw new AppError('INTERNAL', `${label} must be u32.`);
  return array;
}

/** A matrix of weights of any type, read as f32 a few rows at a time; a whole f32 one can be read in place. */
export interface WeightRows {
  /** The whole matrix, if it is f32. */
  readonly floats: Float32Array | undefined;
  /** The whole matrix, if it is quantised. */
  readonly blocks?: BlockMatrix;
  /** Writes rows `first` … `first + count − 1` to the start of `out`, from `at` on. */
  read(first: number, count: number, out: Float32Array, at?: number): void;
}

export function weightRows(tensor: Tensor): WeightRows {
  const { array, scales, dtype, label } = cpu(tensor);
  const { columns } = matrixShape(tensor);
  if (array instanceof Float32Array) {
    return {
      floats: array,
      read: (first, count, out, at = 0) =>
        out.set(array.subarray(first * columns, (first + count) * columns), at),
    };
  }
  if (array instanceof Uint16Array) {
    return {
      floats: undefined,
      read: (first, count, out, at = 0) => widen(array, first * columns, count * columns, out, at),
    };
  }
  if (array instanceof Uint8Array && isBlockType(dtype)) {
    const stride = rowScales(dtype, columns);
    return {
      floats: undefined,
      blocks: { type: dtype, values: array, scales, stride, columns },
      read: blockReader(dtype, array, scales, columns),
    };
  }
  throw new AppError('INTERNAL', `${label} must be of a float type.`);
}

function widen(halves: Uint16Array, from: number, count: number, out: Float32Array, at: number): void {
  const values = halfValues();
  for (let i = 0; i < count; i += 1) out[at + i] = values[halves[from + i]!]!;
}

function blockReader(
  type: BlockType,
  values: Uint8Array,
  scales: Uint16Array,
  columns: number,
): WeightRows['read'] {
  const groups = columns / GROUP;
  const stride = rowScales(type, columns);
  return (first, count, out, at = 0) => {
    for (let row = 0; row < count; row += 1) {
      const scale = (first + row) * stride;
      dequantiseGroups(type, values, (first + row) * groups, groups, scales, scale, out, at + row * columns);
    }
  };
}
