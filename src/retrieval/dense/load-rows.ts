/**
 * Rows from their file to where they are searched, piece by piece: they lie in memory once while they are loaded, in that of WebAssembly where
 * there is one.
 */
import type { StoredFile } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import { damaged, requireNumber, type SectionHeader } from '../byte-sections';
import { into, readSections, type SectionSink } from '../section-reader';
import { ByteRows } from './byte-rows';
import { PlainIndex, type DenseIndex, type DenseRows } from './dense-index';
import { FloatRows } from './float-rows';
import { requireDimensions, strideOf } from './shape';
import { signBits, SignRows } from './sign-rows';
import { SIGNS_FORMAT, SIGNS_VERSION, type ResidentSigns } from './signs-file';
import { VECTORS_FORMAT, VECTORS_VERSION } from './vectors-file';
import type { RowSize } from './wasm/layout';
import type { ScanThreads } from './wasm/threads';
import { WasmIndex, type RowRest } from './wasm/wasm-index';

/** Rows with what searches them on the processor. */
export interface LoadedRows<Rows = DenseRows> {
  rows: Rows;
  index: DenseIndex;
  /** Why it is not WebAssembly, for people; empty where it is. */
  reason: string;
}

export interface LoadOptions {
  /** Rows that there must be: nothing is made room for before that is known. */
  count: number;
  /** Threads that help; asked for where there are enough rows. */
  openThreads?: (() => ScanThreads | null) | undefined;
  signal?: AbortSignal | undefined;
}

/** Scanned in less time than a message to another thread takes. */
export const ROWS_FOR_THREADS = 32_768;

interface Room {
  areas: Record<'data' | 'scales' | 'products', Uint8Array>;
  finish(rest: RowRest): LoadedRows<DenseRows | SignRows>;
}

/** @throws AppError INTEGRITY, UNSUPPORTED for a type of a later version, BAD_INPUT for numbers that are not finite, ABORTED */
export async function loadVectors(file: StoredFile, options: LoadOptions): Promise<LoadedRows> {
  let room: Room | undefined;
  let mean = new Float32Array(0);
  let size: RowSize | undefined;
  const place = (header: SectionHeader): ReadonlyMap<string, SectionSink> => {
    const dtype = header.meta['dtype'];
    if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'int8') {
      throw new AppError('UNSUPPORTED', `The vectors are of type ${String(dtype)}.`, {
        fix: 'Build the index again with this version.',
      });
    }
    const dimensions = requireNumber(header, VECTORS_FORMAT, 'dimensions');
    requireDimensions(dimensions);
    const { count } = options;
    const elementBytes = { f32: 4, f16: 2, int8: 1 }[dtype];
    const stride = strideOf(dimensions, elementBytes);
    // In the file, f32 lies without padding.
    const rowBytes = (dtype === 'f32' ? dimensions : stride) * elementBytes;
    requireSize(header, VECTORS_FORMAT, 'rows', count, rowBytes);
    size = { dtype, count, dimensions, stride };
    room = makeRoom(size, options);
    const { data, scales, products } = room.areas;
    const rows =
      rowBytes === stride * elementBytes ? into(data) : spread(data, rowBytes, stride * elementBytes);
    if (dtype !== 'int8') return new Map([['rows', rows]]);
    mean = new Float32Array(dimensions);
    requireSize(header, VECTORS_FORMAT, 'scales', count, 4);
    requireSize(header, VECTORS_FORMAT, 'products', count, 4);
    requireSize(header, VECTORS_FORMAT, 'mean', dimensions, 4);
    return new Map([
      ['rows', rows],
      ['scales', into(scales)],
      ['products', into(products)],
      ['mean', into(mean)],
    ]);
  };
  await readSections(file, VECTORS_FORMAT, VECTORS_VERSION, place, options.signal);
  if (!room || !size) throw damaged(VECTORS_FORMAT, 'it is cut short');
  const { data } = room.areas;
  // Looks at every component, and throws for one that is not finite.
  const largest = size.dtype === 'int8' ? 0 : floatsAt(data, size).largest;
  const loaded = room.finish({ mean, largest });
  if (loaded.rows instanceof SignRows) throw damaged(VECTORS_FORMAT, 'its type');
  if (loaded.rows instanceof ByteRows) requireFinite(VECTORS_FORMAT, loaded.rows, mean);
  return { ...loaded, rows: loaded.rows };
}

/** What is resident of a corpus whose int8 rows stay where they are. @throws AppError as `loadVectors` */
export async function loadSigns(
  file: StoredFile,
  options: LoadOptions,
): Promise<{ resident: ResidentSigns } & Pick<LoadedRows, 'index' | 'reason'>> {
  const { count } = options;
  const byteScales = new Float32Array(count);
  const checks = new Uint32Array(count);
  let room: Room | undefined;
  let mean = new Float32Array(0);
  const place = (header: SectionHeader): ReadonlyMap<string, SectionSink> => {
    const dimensions = requireNumber(header, SIGNS_FORMAT, 'dimensions');
    requireDimensions(dimensions);
    const stride = strideOf(signBits(dimensions) / 8, 1);
    requireSize(header, SIGNS_FORMAT, 'rows', count, stride);
    for (const name of ['scales', 'products', 'byteScales', 'checks']) {
      requireSize(header, SIGNS_FORMAT, name, count, 4);
    }
    requireSize(header, SIGNS_FORMAT, 'mean', dimensions, 4);
    mean = new Float32Array(dimensions);
    room = makeRoom({ dtype: 'sign', count, dimensions, stride }, options);
    const { data, scales, products } = room.areas;
    const lists = { rows: data, scales, products, mean, byteScales, checks };
    return new Map(Object.entries(lists).map(([name, list]) => [name, into(list)]));
  };
  const header = await readSections(file, SIGNS_FORMAT, SIGNS_VERSION, place, options.signal);
  const seed = requireNumber(header, SIGNS_FORMAT, 'seed');
  const loaded = room?.finish({ mean, seed });
  if (!(loaded?.rows instanceof SignRows)) throw damaged(SIGNS_FORMAT, 'it is cut short');
  requireFinite(SIGNS_FORMAT, loaded.rows, mean, byteScales);
  return { ...loaded, resident: { signs: loaded.rows, byteScales, checks } };
}

function requireSize(
  { sections }: SectionHeader,
  format: string,
  name: string,
  count: number,
  each: number,
): void {
  const bytes = sections.find((section) => section.name === name)?.bytes;
  if (bytes === undefined) throw damaged(format, `section ${name} is missing`);
  if (bytes !== count * each) {
    throw damaged(format, `section ${name} is not that of ${count} passages`);
  }
}

function requireFinite(
  format: string,
  { scales, products }: { scales: Float32Array; products: Float32Array },
  ...lists: Float32Array[]
): void {
  if ([scales, products, ...lists].every((list) => list.every(Number.isFinite))) return;
  throw damaged(format, 'its scales are not finite');
}

function makeRoom(size: RowSize, { openThreads }: LoadOptions): Room {
  const threads = size.count >= ROWS_FOR_THREADS ? openThreads?.() : null;
  try {
    const room = WasmIndex.reserve(size, threads ?? undefined);
    const finish = (rest: RowRest) => ({ rows: room.rows(rest), index: room.open(rest), reason: '' });
    return { areas: room.areas, finish };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return plainRoom(size, error.message);
  }
}

function plainRoom(size: RowSize, reason: string): Room {
  const { dtype, count, stride } = size;
  const data = new Uint8Array(count * stride * { f32: 4, f16: 2, int8: 1, sign: 1 }[dtype]);
  const extras = dtype === 'int8' || dtype === 'sign' ? count : 0;
  const [scales, products] = [new Float32Array(extras), new Float32Array(extras)];
  const bytesOf = ({ buffer }: Float32Array<ArrayBuffer>): Uint8Array => new Uint8Array(buffer);
  const finish = ({ mean = new Float32Array(0), seed = 0 }: RowRest): LoadedRows<DenseRows | SignRows> => {
    if (dtype === 'sign') {
      const rows = new SignRows({ codes: data, scales, products, mean, seed });
      return { rows, index: new PlainIndex(rows), reason };
    }
    const codes = new Int8Array(data.buffer);
    const rows = dtype === 'int8' ? new ByteRows({ codes, scales, products, mean }) : floatsAt(data, size);
    return { rows, index: new PlainIndex(rows), reason };
  };
  return { areas: { data, scales: bytesOf(scales), products: bytesOf(products) }, finish };
}

function floatsAt(data: Uint8Array, { dtype, dimensions, count, stride }: RowSize): FloatRows {
  const { buffer, byteOffset } = data;
  const values =
    dtype === 'f32'
      ? new Float32Array(buffer, byteOffset, count * stride)
      : new Uint16Array(buffer, byteOffset, count * stride);
  return new FloatRows(values, dimensions, count);
}

/** Rows without padding into rows that have some. */
const spread =
  (data: Uint8Array, from: number, to: number): SectionSink =>
  (piece, at) => {
    for (let i = 0; i < piece.byteLength;) {
      const [row, within] = [Math.floor((at + i) / from), (at + i) % from];
      const length = Math.min(from - within, piece.byteLength - i);
      data.set(piece.subarray(i, i + length), row * to + within);
      i += length;
    }
  };
