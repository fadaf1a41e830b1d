/** Looks over a column of a Parquet file before a reader does: its pages, and what stands in them. */
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { snappyUncompress } from 'hyparquet/src/snappy.js';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { damaged, skipStruct, type ByteReader } from './parquet-thrift';
import { bitsOf, checkCountedRuns, checkRuns, checkValues } from './parquet-values';

/** The highest levels, and how values are stored: names of `parquet.thrift`. */
export interface ColumnKind {
  repetition: number;
  definition: number;
  type: string;
  codec: string;
}

/** Snappy packs no better than 64 bytes into 3. */
const MAX_RATIO = 64;
/** BYTE_STREAM_SPLIT, the last of the encodings. */
const MAX_ENCODING = 9;

/**
 * Gives how many values its pages have. Numbers of fields as in `parquet.thrift` (PageHeader): kind 1, sizes 2 and 3, and by its kind
 * the header of a data page 5, of a dictionary 7, of a data page in the second form 8.
 * @param most values that the column may have
 * @throws where something cannot be, which the reader would count for ever
 */
export function checkColumn(view: DataView<ArrayBuffer>, column: ColumnKind, most: number): number {
  const reader = { view, offset: 0 };
  let values = 0;
  while (reader.offset < view.byteLength - 1) {
    skipStruct({ ...reader });
    const header: Fields = deserializeTCompactProtocol(reader);
    const packed = header['field_3'];
    const size = header['field_2'];
    const left = view.byteLength - reader.offset;
    if (!isWhole(packed, left) || !isWhole(size, MAX_RATIO * packed)) throw damaged();
    const bytes = new Uint8Array(view.buffer, view.byteOffset + reader.offset, packed);
    values += checkPage(header, bytes, size, column, most - values);
    reader.offset += packed;
  }
  return values;
}

type Fields = Record<string, unknown>;

const isWhole = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value);

function checkPage(
  header: Fields,
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  column: ColumnKind,
  most: number,
): number {
  const kind = header['field_1'];
  const own = kind === 0 ? header['field_5'] : kind === 2 ? header['field_7'] : header['field_8'];
  // A truth value takes a bit, anything else more.
  if (!isFields(own) || !isWhole(own['field_1'], kind === 2 ? 8 * size : most)) throw damaged();
  const values = own['field_1'];
  if (kind === 0) checkFirstForm(own, bytes, size, column, values);
  else if (kind === 3) checkSecondForm(own, bytes, size, column, values);
  else if (kind !== 2 || !isWhole(own['field_2'], MAX_ENCODING)) throw damaged();
  return kind === 2 ? 0 : values;
}

/** Levels, each with its length, and values, packed together. */
function checkFirstForm(
  own: Fields,
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  { repetition, definition, type, codec }: ColumnKind,
  values: number,
): void {
  const encoding = own['field_2'];
  const isSound = ['field_3', 'field_4'].every((field) => isWhole(own[field], MAX_ENCODING));
  if (!isWhole(encoding, MAX_ENCODING) || !isSound) throw damaged();
  const reader = unpacked(bytes, size, codec);
  if (repetition > 0) checkCountedRuns(reader, bitsOf(repetition), values);
  const there = definition > 0 ? presentValues(reader, definition, values) : values;
  checkValues(reader, there, { type, encoding, second: false });
}

/** Values that are not null, by the levels of definition, which the reader goes through. */
function presentValues(reader: ByteReader, definition: number, values: number): number {
  checkCountedRuns({ ...reader }, bitsOf(definition), values);
  const levels: number[] = new Array<number>(values);
  readRleBitPackedHybrid(reader, bitsOf(definition), levels);
  return levels.reduce((count, level) => count + (level === definition ? 1 : 0), 0);
}

/** Levels, whose lengths the header tells, in front of the packed values. */
function checkSecondForm(
  own: Fields,
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  { repetition, definition, type, codec }: ColumnKind,
  values: number,
): void {
  const [nulls, rows, encoding, definitions, repetitions, flag] = [2, 3, 4, 5, 6, 7].map(
    (field) => own[`field_${field}`],
  );
  // Of nulls and rows there are at most as many as values; 5 and 6 are the bytes of its levels.
  const isSound = isWhole(nulls, values) && isWhole(rows, values) && isWhole(encoding, MAX_ENCODING);
  if (!isSound || !isWhole(definitions, bytes.length) || !isWhole(repetitions, bytes.length)) throw damaged();
  if (flag !== undefined && typeof flag !== 'boolean') throw damaged();
  const levels = definitions + repetitions;
  if (levels > bytes.length || levels > size) throw damaged();
  const reader: ByteReader = { view: viewOf(bytes), offset: 0 };
  if (repetition > 0) checkRuns(reader, repetitions, bitsOf(repetition), values);
  reader.offset = repetitions;
  if (definition > 0) checkRuns(reader, levels, bitsOf(definition), values);
  const rest = unpacked(bytes.subarray(levels), size - levels, flag === false ? 'UNCOMPRESSED' : codec);
  checkValues(rest, values - nulls, { type, encoding, second: true });
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> =>
  new DataView(buffer, byteOffset, byteLength);

function unpacked(bytes: Uint8Array<ArrayBuffer>, size: number, codec: string): ByteReader {
  if (codec !== 'SNAPPY') return { view: viewOf(bytes), offset: 0 };
  const page = new Uint8Array(size);
  snappyUncompress(bytes, page);
  return { view: viewOf(page), offset: 0 };
}
