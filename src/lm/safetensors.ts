/**
 * Reader of the safetensors format: 8 bytes header length (u64, little-endian), a JSON header, the tensors' bytes.
 * The header comes from outside and is believed in nothing: lengths, types, shapes and offsets are checked against each
 * other and against the file before a byte of data is read.
 */
import { AppError } from '../protocol/errors';
import type { ByteSource } from './byte-source';
import { refuseFormat, type Checkpoint, type StoredTensor } from './checkpoint';
import { isFloatFormat, widen, words16 } from './floats';

const DTYPE_BITS: Record<string, number> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E4M3: 8, F8_E5M2: 8, I16: 16, U16: 16, F16: 16, BF16: 16 },
  ...{ I32: 32, U32: 32, F32: 32, I64: 64, U64: 64, F64: 64 },
};

/** The reference implementation's bound; real headers are below 1 MB. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_RANK = 16;

export interface TensorEntry {
  name: string;
  dtype: string;
  shape: number[];
  /** Position of the first byte in `source`. */
  offset: number;
  bytes: number;
  source: ByteSource;
}

export interface SafetensorsFile {
  tensors: Map<string, TensorEntry>;
  metadata: Map<string, string>;
}

function refuse(source: ByteSource, what: string): never {
  throw new AppError('INTEGRITY', `${source.name} is not a sound safetensors file: ${what}.`, {
    fix: 'Fetch the file again; if it stays so, the file itself is damaged.',
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Reads and checks the header; no tensor data. */
export async function openSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsFile> {
  if (source.size < 8) refuse(source, 'it is shorter than 8 bytes');
  const prefix = await source.read(0, 8, signal);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || length > source.size - 8) {
    refuse(source, `its header claims ${length} bytes, the file has ${source.size}`);
  }
  const header = parseHeader(source, await source.read(8, length, signal));
  const file: SafetensorsFile = { tensors: new Map(), metadata: new Map() };
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') file.metadata = parseMetadata(source, value);
    else file.tensors.set(name, parseEntry(source, name, value, 8 + length));
  }
  checkLayout(source, [...file.tensors.values()], 8 + length);
  return file;
}

function parseHeader(source: ByteSource, bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return refuse(source, 'its header is not JSON');
  }
  return isRecord(header) ? header : refuse(source, 'its header is not a JSON object');
}

function parseMetadata(source: ByteSource, value: unknown): Map<string, string> {
  if (!isRecord(value)) return refuse(source, '__metadata__ is not an object');
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return refuse(source, `__metadata__.${key.slice(0, 80)} is not a string`);
    metadata.set(key, text);
  }
  return metadata;
}

function parseEntry(source: ByteSource, fullName: string, value: unknown, dataStart: number): TensorEntry {
  const name = fullName.slice(0, 200);
  if (!isRecord(value)) return refuse(source, `the entry of ${name} is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const bits = typeof dtype === 'string' && Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] : undefined;
  if (typeof dtype !== 'string' || bits === undefined) {
    return refuse(source, `${name} has the unknown type ${String(dtype).slice(0, 20)}`);
  }
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isSize)) {
    return refuse(source, `the shape of ${name} is not a list of sizes`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2) return refuse(source, `${name} lacks its two offsets`);
  const [begin, end] = offsets as [unknown, unknown];
  if (!isSize(begin) || !isSize(end) || end < begin || end > source.size - dataStart) {
    return refuse(source, `the offsets of ${name} do not lie in the file`);
  }
  // Multiplied as bigints: a hostile shape must not overflow into the right number of bytes.
  const expected = (shape.reduce((product, size) => product * BigInt(size), 1n) * BigInt(bits)) / 8n;
  if (BigInt(end - begin) !== expected) {
    return refuse(source, `${name} has ${end - begin} bytes where its shape needs ${expected}`);
  }
  return { name: fullName, dtype, shape, offset: dataStart + begin, bytes: end - begin, source };
}

/** The format knows neither gaps nor overlaps; a duplicated name shows as a gap. */
function checkLayout(source: ByteSource, entries: TensorEntry[], dataStart: number): void {
  entries.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let expected = dataStart;
  for (const { name, offset, bytes } of entries) {
    if (offset !== expected) refuse(source, `${name.slice(0, 200)} overlaps its neighbour or leaves a gap`);
    expected = offset + bytes;
  }
  if (expected !== source.size) refuse(source, `${source.size - expected} bytes belong to no tensor`);
}

/** Opens the files of a sharded checkpoint as one; a name in two files is refused. */
export async function openCheckpoint(
  sources: readonly ByteSource[],
  signal?: AbortSignal,
): Promise<Map<string, TensorEntry>> {
  const all = new Map<string, TensorEntry>();
  for (const source of sources) {
    for (const [name, entry] of (await openSafetensors(source, signal)).tensors) {
      if (all.has(name))
        refuse(source, `${name.slice(0, 200)} is also in ${all.get(name)?.source.name ?? ''}`);
      all.set(name, entry);
    }
  }
  return all;
}

/** The tensors of safetensors files as a checkpoint. */
export async function openSafetensorsCheckpoint(
  sources: readonly ByteSource[],
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const entries = await openCheckpoint(sources, signal);
  const tensors = [...entries.values()].map(storedTensor);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

/** A tensor of a type that is no float is refused by whoever needs it; nobody else minds it. */
function storedTensor({ name, dtype, shape, offset, bytes, source }: TensorEntry): StoredTensor {
  const rowBytes = bytes / (shape[0] ?? 1);
  return {
    ...{ name, shape, bytes },
    format: dtype,
    async readRows(first, count, signal) {
      if (!isFloatFormat(dtype)) return refuseFormat({ name, format: dtype });
      const piece = await source.read(offset + first * rowBytes, count * rowBytes, signal);
      return dtype === 'F16'
        ? { kind: 'halves', values: words16(piece) }
        : { kind: 'floats', values: widen(piece, dtype) };
    },
  };
}
