/**
 * Reader of GGUF, versions 2 and 3, little-endian: magic, counts, metadata, a table of tensors, their data. The header is believed in
 * nothing: every length is held against what is left of the file before anything of that length is made.
 */
import { AppError } from '../../protocol/errors';
import type { ByteSource } from '../byte-source';
import { isReadable, READABLE, typeName } from './gguf-types';

export type GgufNumbers =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;
/** 64-bit numbers that are too large to be exact are refused. A list of lists is kept as an empty list: nothing here needs one. */
export type GgufValue = number | boolean | string | GgufNumbers | string[];

export interface GgufTensor {
  name: string;
  /** Row-major, as everywhere else: the file has the dimensions the other way round. */
  shape: number[];
  /** `F32`, `Q4_K`, …; see `typeName`. */
  type: string;
  /** From the beginning of the file. */
  offset: number;
  /** 0 for a type that this engine cannot read. */
  bytes: number;
}

export interface GgufFile {
  version: number;
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 0x46554747;
/** Read first; doubled until the header fits. */
const FIRST_BYTES = 1 << 20;
const MAX_NESTING = 4;
const MAX_DIMENSIONS = 4;
/** Smallest entry: a name's length, no name, one dimension, a type, an offset. */
const MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;
const MIN_PAIR_BYTES = 8 + 4 + 1;

/** The header goes on beyond the bytes at hand. */
const MORE = Symbol('more');

type Width = 1 | 2 | 4 | 8;
const SCALARS: Record<number, { width: Width; read(view: DataView, at: number): number | bigint }> = {
  0: { width: 1, read: (view, at) => view.getUint8(at) },
  1: { width: 1, read: (view, at) => view.getInt8(at) },
  2: { width: 2, read: (view, at) => view.getUint16(at, true) },
  3: { width: 2, read: (view, at) => view.getInt16(at, true) },
  4: { width: 4, read: (view, at) => view.getUint32(at, true) },
  5: { width: 4, read: (view, at) => view.getInt32(at, true) },
  6: { width: 4, read: (view, at) => view.getFloat32(at, true) },
  7: { width: 1, read: (view, at) => view.getUint8(at) },
  10: { width: 8, read: (view, at) => view.getBigUint64(at, true) },
  11: { width: 8, read: (view, at) => view.getBigInt64(at, true) },
  12: { width: 8, read: (view, at) => view.getFloat64(at, true) },
};
const TYPE_BOOL = 7;
const TYPE_STRING = 8;
const TYPE_ARRAY = 9;

const ARRAYS: Record<number, new (length: number) => GgufNumbers> = {
  ...{ 0: Uint8Array, 1: Int8Array, 2: Uint16Array, 3: Int16Array, 4: Uint32Array, 5: Int32Array },
  ...{ 6: Float32Array, 7: Uint8Array, 10: Float64Array, 11: Float64Array, 12: Float64Array },
};

class Cursor {
  #at = 0;
  readonly #view: DataView;
  readonly #text = new TextDecoder();

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
    readonly fileSize: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#at;
  }

  refuse(what: string): never {
    throw new AppError('INTEGRITY', `${this.name} is not a sound GGUF file: ${what}.`, {
      fix: 'Fetch the file again; if it stays so, the file itself is damaged.',
    });
  }

  /** Moves on by `length` bytes and returns where they begin. */
  skip(length: number): number {
    const at = this.#at;
    if (length > this.fileSize - at) this.refuse(`its header goes on beyond its end`);
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- caught by `parsePrefix`, which asks for more bytes
    if (length > this.bytes.length - at) throw MORE;
    this.#at = at + length;
    return at;
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A 64-bit count of things that take at least `each` bytes of the file. */
  count(what: string, each: number): number {
    const value = this.#view.getBigUint64(this.skip(8), true);
    if (value * BigInt(Math.max(1, each)) > BigInt(this.fileSize - this.#at)) {
      this.refuse(`it claims ${value} ${what}, more than fit into it`);
    }
    return Number(value);
  }

  u64(what: string): number {
    return this.exact(what, this.#view.getBigUint64(this.skip(8), true));
  }

  exact(what: string, value: bigint | number): number {
    const number = Number(value);
    if (typeof value === 'bigint' && !Number.isSafeInteger(number)) this.refuse(`${what} is ${value}`);
    return number;
  }

  string(what: string): string {
    const length = this.count(`bytes of ${what}`, 1);
    const at = this.skip(length);
    return this.#text.decode(this.bytes.subarray(at, at + length));
  }

  value(key: string, type: number, depth = 0): GgufValue {
    if (type === TYPE_STRING) return this.string('text');
    if (type === TYPE_ARRAY) return this.array(key, depth);
    const scalar = SCALARS[type];
    if (!scalar) return this.refuse(`${key.slice(0, 80)} has the unknown type ${type}`);
    const value = scalar.read(this.#view, this.skip(scalar.width));
    return type === TYPE_BOOL ? value !== 0 : this.exact(key.slice(0, 80), value);
  }

  array(key: string, depth: number): GgufValue {
    if (depth >= MAX_NESTING) this.refuse(`${key.slice(0, 80)} nests lists too deeply`);
    const type = this.u32();
    if (type === TYPE_STRING) {
      const strings: string[] = [];
      const length = this.count('texts', 8);
      for (let i = 0; i < length; i += 1) strings.push(this.string('text'));
      return strings;
    }
    if (type === TYPE_ARRAY) {
      const length = this.count('lists', 12);
      for (let i = 0; i < length; i += 1) this.array(key, depth + 1);
      return [];
    }
    const scalar = SCALARS[type];
    const Numbers = ARRAYS[type];
    if (!scalar || !Numbers) return this.refuse(`${key.slice(0, 80)} lists the unknown type ${type}`);
    const length = this.count('numbers', scalar.width);
    const at = this.skip(length * scalar.width);
    const numbers = new Numbers(length);
    for (let i = 0; i < length; i += 1) {
      numbers[i] = this.exact(key.slice(0, 80), scalar.read(this.#view, at + i * scalar.width));
    }
    return numbers;
  }
}

/** Reads and checks metadata and tensor table; no tensor data. @throws AppError INTEGRITY, UNSUPPORTED, and what `source.read` throws */
export async function openGguf(source: ByteSource, signal?: AbortSignal): Promise<GgufFile> {
  let bytes = await source.read(0, Math.min(source.size, FIRST_BYTES), signal);
  for (;;) {
    const file = parsePrefix(source, bytes);
    if (file) return file;
    const more = await source.read(bytes.length, Math.min(bytes.length, source.size - bytes.length), signal);
    const longer = new Uint8Array(bytes.length + more.length);
    longer.set(bytes);
    longer.set(more, bytes.length);
    bytes = longer;
  }
}

/** Undefined if more bytes of the file are needed. */
function parsePrefix(source: ByteSource, bytes: Uint8Array): GgufFile | undefined {
  try {
    return parse(new Cursor(source.name, bytes, source.size));
  } catch (error) {
    if (error === MORE) return undefined;
    throw error;
  }
}

function parse(cursor: Cursor): GgufFile {
  if (cursor.fileSize < 24 || cursor.u32() !== MAGIC) cursor.refuse('it does not begin with GGUF');
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    const swapped = version === 0x02000000 || version === 0x03000000;
    const what = swapped ? 'is big-endian' : `has version ${version}`;
    throw new AppError('UNSUPPORTED', `${cursor.name} ${what}; GGUF 2 and 3, little-endian, can be read.`, {
      fix: 'Convert the model anew with a present-day llama.cpp.',
    });
  }
  const tensorCount = cursor.count('tensors', MIN_TENSOR_BYTES);
  const pairs = cursor.count('metadata entries', MIN_PAIR_BYTES);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < pairs; i += 1) {
    const key = cursor.string('a key');
    if (metadata.has(key)) cursor.refuse(`${key.slice(0, 80)} is there twice`);
    metadata.set(key, cursor.value(key, cursor.u32()));
  }
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 1 || alignment > 65536 || alignment % 1 !== 0) {
    cursor.refuse('its alignment is no sensible number');
  }
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i += 1) tensors.push(parseTensor(cursor));
  const start = Math.ceil(cursor.position / alignment) * alignment;
  return { version, metadata, tensors: place(cursor, tensors, start) };
}

function parseTensor(cursor: Cursor): GgufTensor {
  const name = cursor.string('a tensor’s name');
  const short = name.slice(0, 200);
  const dimensions = cursor.u32();
  if (dimensions > MAX_DIMENSIONS) cursor.refuse(`${short} has ${dimensions} dimensions`);
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i += 1) shape.unshift(cursor.u64(`a size of ${short}`));
  const type = typeName(cursor.u32());
  const offset = cursor.u64(`the offset of ${short}`);
  if (!isReadable(type)) return { name, shape, type, offset, bytes: 0 };
  const block = READABLE[type];
  const columns = shape.at(-1) ?? 1;
  if (columns % block.values !== 0)
    cursor.refuse(`${short} has rows of ${columns} values in blocks of ${block.values}`);
  const values = shape.reduce((product, size) => product * BigInt(size), 1n);
  const bytes = (values / BigInt(block.values)) * BigInt(block.bytes);
  if (bytes > BigInt(cursor.fileSize)) cursor.refuse(`${short} is larger than the file`);
  return { name, shape, type, offset, bytes: Number(bytes) };
}

/** Turns offsets into positions in the file and checks that the data are there and do not overlap. */
function place(cursor: Cursor, tensors: GgufTensor[], start: number): Map<string, GgufTensor> {
  const placed = new Map<string, GgufTensor>();
  const sorted = tensors.map((tensor) => ({ ...tensor, offset: start + tensor.offset }));
  sorted.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  for (const tensor of sorted) {
    const name = tensor.name.slice(0, 200);
    if (placed.has(tensor.name)) cursor.refuse(`${name} is there twice`);
    if (tensor.offset < end) cursor.refuse(`${name} overlaps its neighbour`);
    end = tensor.offset + tensor.bytes;
    if (end > cursor.fileSize) cursor.refuse(`it ends in the middle of ${name}`);
    placed.set(tensor.name, tensor);
  }
  return placed;
}
