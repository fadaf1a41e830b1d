/** Vectors of an encoder as rows of a type. */
import { ByteRowWriter, emptyByteRows, meanOf, type ByteRows } from './byte-rows';
import type { DenseRows } from './dense-index';
import { floatRows } from './float-rows';
import { requireDimensions, requireVector, type RowType } from './shape';
import { emptySignRows, SignRowWriter, type SignRows } from './sign-rows';

/** @throws AppError BAD_INPUT for a vector of other dimensions, or one that is not finite */
export function denseRows(
  vectors: readonly Float32Array[],
  dimensions: number,
  dtype: Exclude<RowType, 'sign'> = 'f32',
): DenseRows {
  requireDimensions(dimensions);
  if (dtype === 'int8') return byteRows(vectors, meanOf(vectors, dimensions));
  const matrix = new Float32Array(vectors.length * dimensions);
  vectors.forEach((vector, row) => {
    requireVector(vector, row, dimensions);
    matrix.set(vector, row * dimensions);
  });
  return floatRows(matrix, dimensions, dtype);
}

export function byteRows(vectors: readonly Float32Array[], mean: Float32Array): ByteRows {
  const rows = emptyByteRows(vectors.length, mean);
  const writer = new ByteRowWriter(rows);
  vectors.forEach((vector, row) => writer.write(row, vector));
  return rows;
}

export function signRows(vectors: readonly Float32Array[], mean: Float32Array, seed?: number): SignRows {
  const rows = emptySignRows(vectors.length, mean, seed);
  const writer = new SignRowWriter(rows);
  vectors.forEach((vector, row) => writer.write(row, vector));
  return rows;
}
