/** What all forms of stored vectors share: their shape, and what is refused. */
import { AppError } from '../../protocol/errors';

/** How a component is stored. `int8` is centred on the corpus mean; `sign` is one bit, for finding what is then scored again. */
export type RowType = 'f32' | 'f16' | 'int8' | 'sign';

/** The scores of one query, the same numbers on every machine. `row` must be below the count. */
export interface RowScorer {
  score(row: number): number;
}

export interface RowShape {
  readonly count: number;
  readonly dimensions: number;
  /** Elements from a row to the next; rows begin at multiples of 16 bytes, and what is between is zero. */
  readonly stride: number;
  /** Of everything that must be at hand while searching. */
  readonly bytes: number;
}

const LARGEST_DIMENSIONS = 16_384;
/** Encoders give vectors of unit length; up to here no 32-bit sum overflows. */
const LARGEST_COMPONENT = 1e9;

/** Elements of `bytes` each that make whole 16 bytes. */
export const strideOf = (dimensions: number, bytes: number): number =>
  (Math.ceil((dimensions * bytes) / 16) * 16) / bytes;

/** Finite, and of a size that an encoder can have made. */
export const isComponent = (x: number): boolean => Math.abs(x) <= LARGEST_COMPONENT;

export function requireDimensions(dimensions: number): void {
  if (Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= LARGEST_DIMENSIONS) return;
  throw new AppError('BAD_INPUT', `Vectors cannot have ${dimensions} dimensions.`, {
    fix: `Choose an encoder with 1 to ${LARGEST_DIMENSIONS} dimensions.`,
  });
}

export function requireQuery(query: Float32Array, dimensions: number): void {
  if (query.length !== dimensions) {
    throw new AppError('BAD_INPUT', `The query has ${query.length} dimensions, the index ${dimensions}.`, {
      fix: 'Search with the encoder that the index was built with.',
    });
  }
  if (query.every(isComponent)) return;
  throw new AppError('BAD_INPUT', "The query's vector is not finite.", {
    fix: 'Search again; if it happens again, choose WASM instead of WebGPU for the encoder.',
  });
}

export const badRow = (row: number): AppError =>
  new AppError('BAD_INPUT', `The vector of passage ${row} is not finite.`, {
    fix: 'Embed the corpus again; if it happens again, choose WASM instead of WebGPU.',
  });

/** @throws AppError BAD_INPUT unless `vector` is one of an index with these dimensions. */
export function requireVector(vector: Float32Array, row: number, dimensions: number): void {
  if (vector.length !== dimensions) {
    throw new AppError('BAD_INPUT', `Vector ${row} has ${vector.length} dimensions, not ${dimensions}.`, {
      fix: 'Embed all passages with the same encoder.',
    });
  }
  if (!vector.every(isComponent)) throw badRow(row);
}

export function requireLength(name: string, length: number, expected: number): void {
  if (length === expected) return;
  throw new AppError('INTEGRITY', `The vectors' ${name} are ${length} numbers instead of ${expected}.`, {
    fix: 'Build the index again.',
  });
}

/** A query's coefficients as whole numbers of −`limit` … `limit`, times the returned step. */
export function wholeNumbers(
  values: Float64Array,
  limit: number,
  into: Int16Array | Int8Array,
): { step: number; total: number } {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const step = largest / limit;
  let total = 0;
  if (step > 0) {
    values.forEach((value, i) => {
      const whole = Math.max(-limit, Math.min(limit, Math.round(value / step)));
      into[i] = whole;
      total += whole;
    });
  }
  return { step, total };
}
