/** Where the rows of one index lie in a memory of WebAssembly, so that threads can share it. */
import { AppError } from '../../../protocol/errors';
import { ByteRows } from '../byte-rows';
import type { DenseRows } from '../dense-index';
import { FloatRows } from '../float-rows';
import { PLANES, SignRows } from '../sign-rows';
import type { RowType } from '../shape';

const PAGE = 65536;
const MOST_BYTES = 65536 * PAGE;
const ALIGNMENT = 64;
/** Rows of one call, after which a thread looks at the clock and tightens its threshold. */
export const SCAN_ROWS = 1024;
/** Rows are read in fours. */
const SPARE_ROWS = 3;

/** Can be sent to a thread. */
export interface ScanLayout {
  memory: WebAssembly.Memory;
  dtype: RowType;
  count: number;
  dimensions: number;
  stride: number;
  /** Addresses; the latter two of int8 and signs. */
  data: number;
  scales: number;
  products: number;
  /** Each thread has its own, `scratchBytes` long. */
  scratch: number;
  scratchBytes: number;
  mean: Float32Array;
  largest: number;
  seed: number;
}

const roundUp = (value: number): number => Math.ceil(value / ALIGNMENT) * ALIGNMENT;

/** What rows need room for. */
export interface RowSize {
  dtype: RowType;
  count: number;
  dimensions: number;
  /** Elements. */
  stride: number;
}

const ELEMENT_BYTES: Record<RowType, number> = { f32: 4, f16: 2, int8: 1, sign: 1 };
/** Of a query's coefficients, for each element of a row. */
const QUERY_BYTES: Record<RowType, number> = { f32: 4, f16: 4, int8: 2, sign: PLANES };
const hasScales = (dtype: RowType): boolean => dtype === 'int8' || dtype === 'sign';

/**
 * Room for rows in a memory of their own, all zeros.
 * @throws AppError OUT_OF_MEMORY where it would pass 4 GiB or the browser gives no room
 */
export function reserve(size: RowSize, threads: number, shared: boolean): ScanLayout {
  const { dtype, count, dimensions, stride } = size;
  const extras = (count + SPARE_ROWS) * 4;
  let end = ALIGNMENT;
  const place = (bytes: number): number => {
    const at = end;
    end = roundUp(end + bytes);
    return at;
  };
  const at = {
    data: place((count + SPARE_ROWS) * stride * ELEMENT_BYTES[dtype]),
    scales: hasScales(dtype) ? place(extras) : 0,
    products: hasScales(dtype) ? place(extras) : 0,
  };
  const scratchBytes = roundUp(stride * QUERY_BYTES[dtype]) + roundUp(12 * SCAN_ROWS);
  const scratch = place(threads * scratchBytes);
  return {
    ...{ memory: room(end, shared), dtype, count, dimensions, stride, ...at, scratch, scratchBytes },
    ...{ mean: new Float32Array(0), largest: 0, seed: 0 },
  };
}

/** The bytes to be filled; the latter two are empty but for int8 and signs. */
export function areasOf({
  memory,
  dtype,
  count,
  stride,
  ...at
}: ScanLayout): Record<'data' | 'scales' | 'products', Uint8Array> {
  const extras = hasScales(dtype) ? 4 * count : 0;
  return {
    data: new Uint8Array(memory.buffer, at.data, count * stride * ELEMENT_BYTES[dtype]),
    scales: new Uint8Array(memory.buffer, at.scales, extras),
    products: new Uint8Array(memory.buffer, at.products, extras),
  };
}

/**
 * Copies rows into a memory of their own.
 * @throws AppError OUT_OF_MEMORY
 */
export function layOut(rows: DenseRows | SignRows, threads: number, shared: boolean): ScanLayout {
  const layout = reserve(rows, threads, shared);
  const areas = areasOf(layout);
  const from = (view: ArrayBufferView): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  areas.data.set(from('codes' in rows ? rows.codes : rows.data));
  if (rows.dtype === 'int8' || rows.dtype === 'sign') {
    areas.scales.set(from(rows.scales));
    areas.products.set(from(rows.products));
  }
  return {
    ...layout,
    mean: 'mean' in rows ? rows.mean : layout.mean,
    largest: 'largest' in rows ? rows.largest : 0,
    seed: 'seed' in rows ? rows.seed : 0,
  };
}

function room(bytes: number, shared: boolean): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE);
  const refuse = (cause?: unknown): AppError =>
    new AppError(
      'OUT_OF_MEMORY',
      `The vectors need ${Math.ceil(bytes / 2 ** 20)} MiB of memory in one piece.`,
      {
        fix: 'Close other tabs, or build the index with 8-bit vectors.',
        ...(cause !== undefined && { cause }),
      },
    );
  if (bytes > MOST_BYTES) throw refuse();
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: 65536, shared });
  } catch (cause) {
    throw refuse(cause);
  }
}

/** The rows as they lie there. */
export function rowsOf(layout: ScanLayout): DenseRows | SignRows {
  const { memory, dtype, count, dimensions, stride, data, scales, products, mean, largest, seed } = layout;
  const { buffer } = memory;
  const length = count * stride;
  if (dtype === 'f32')
    return new FloatRows(new Float32Array(buffer, data, length), dimensions, count, largest);
  if (dtype === 'f16')
    return new FloatRows(new Uint16Array(buffer, data, length), dimensions, count, largest);
  const extras = {
    scales: new Float32Array(buffer, scales, count),
    products: new Float32Array(buffer, products, count),
    mean,
  };
  return dtype === 'int8'
    ? new ByteRows({ codes: new Int8Array(buffer, data, length), ...extras })
    : new SignRows({ codes: new Uint8Array(buffer, data, length), ...extras, seed });
}
