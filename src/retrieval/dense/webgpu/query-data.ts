/** A query as the score kernel reads it. */
import type { DenseRows } from '../dense-index';
import { QUERY_WORDS } from './kernels';

export interface GpuQuery {
  /** Words of 16 bytes, chunk by chunk. */
  data: Uint32Array<ArrayBuffer>;
  /** Of int8: the factor of sums. */
  step: number;
  /** How far a score on the device can be from the row's own, in 32-bit floats of whichever rounding. */
  slack: number;
}

const UNIT = 2 ** -23;

/** Reaches of a corpus of int8 rows, from which the error of 32-bit scores follows. */
export interface Reach {
  /** Length of the longest row about the mean. */
  largest: number;
  /** The largest |product|. */
  product: number;
}

export function reachOf(rows: DenseRows): Reach {
  if (rows.dtype !== 'int8') return { largest: rows.largest, product: 0 };
  let [largest, product] = [0, 0];
  for (let row = 0; row < rows.count; row += 1) {
    let squares = 0;
    for (let i = row * rows.stride; i < (row + 1) * rows.stride; i += 1) squares += (rows.codes[i] ?? 0) ** 2;
    largest = Math.max(largest, (rows.scales[row] ?? 0) * Math.sqrt(squares));
    product = Math.max(product, Math.abs(rows.products[row] ?? 0));
  }
  return { largest, product };
}

/** @throws AppError BAD_INPUT */
export function gpuQuery(rows: DenseRows, query: Float32Array, reach: Reach): GpuQuery {
  if (rows.dtype !== 'int8') {
    const scorer = rows.scorer(query);
    return {
      data: new Uint32Array(scorer.query.slice().buffer),
      ...{ step: 0, slack: scorer.slack },
    };
  }
  const { query: whole, step } = rows.scorer(query);
  const data = new Uint32Array((rows.stride / 16) * QUERY_WORDS.int8 * 4);
  const bytes = new Int8Array(data.buffer);
  let squares = 0;
  whole.forEach((value, i) => {
    squares += value * value;
    // 128 · high + low, both in a byte.
    const high = (value + 64) >> 7;
    const at = (i >> 4) * 32 + (i & 15);
    bytes[at] = high;
    bytes[at + 16] = value - 128 * high;
  });
  const most = step * Math.sqrt(squares) * reach.largest;
  // Four products or sums and two conversions round; the last sum's terms can be as large as both together.
  return { data, step, slack: 8 * UNIT * (most + reach.product) + 2 ** -90 };
}
