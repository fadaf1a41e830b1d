import { AppError } from '../../protocol/errors';
import type { Arena } from '../arena';
import type { Tensor } from '../backend';
import { matrixShape } from '../checks';
import { rowScales, tensorBytes, type DType } from '../dtype';
import type { WeightMatrix } from './kernels';
import type { Floats, View } from './memory';

export class CpuTensor implements Tensor {
  readonly bytes: number;
  readonly #arena: Arena<CpuTensor>;

  constructor(
    readonly label: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly values: View,
    /** Of q8 and q4: `rowScales` of them a row. */
    readonly scales: View<Uint16Array>,
    arena: Arena<CpuTensor>,
  ) {
    this.bytes = tensorBytes(dtype, shape);
    this.#arena = arena;
    arena.add(this);
  }

  dispose(): void {
    this.values.free();
    this.scales.free();
    this.#arena.release(this);
  }
}

export function cpu(tensor: Tensor): CpuTensor {
  if (!(tensor instanceof CpuTensor)) {
    throw new AppError('INTERNAL', `${tensor.label} belongs to another backend.`);
  }
  return tensor;
}

const areFloats = (view: View): view is Floats => view.array instanceof Float32Array;
const areIntegers = (view: View): view is View<Uint32Array> => view.array instanceof Uint32Array;

export function floats(tensor: Tensor): Floats {
  const { values, label } = cpu(tensor);
  if (!areFloats(values)) throw new AppError('INTERNAL', `${label} must be f32.`);
  return values;
}

export function integers(tensor: Tensor): View<Uint32Array> {
  const { values, label } = cpu(tensor);
  if (!areIntegers(values)) throw new AppError('INTERNAL', `${label} must be u32.`);
  return values;
}

export function weightMatrix(tensor: Tensor): WeightMatrix {
  const { values, scales, dtype, label } = cpu(tensor);
  const { columns } = matrixShape(tensor);
  if (dtype === 'u32') throw new AppError('INTERNAL', `${label} must be of a float type.`);
  return { type: dtype, values, scales, scaleStride: rowScales(dtype, columns), columns };
}

/** The whole matrix as it lies there, if it is f32. */
export const inFloats = ({ values }: WeightMatrix): Floats | undefined =>
  areFloats(values) ? values : undefined;
