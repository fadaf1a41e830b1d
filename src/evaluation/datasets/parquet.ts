import { parquetMetadata, parquetReadObjects, type FileMetaData } from 'hyparquet';
import { deserializeTCompactProtocol, readVarInt } from 'hyparquet/src/thrift.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from 'hyparquet/src/schema.js';
import { unreadable } from './unreadable';

/** All rows, numbers of 64 bits as numbers where they are safe, else as text. @throws AppError `BAD_INPUT` */
export async function readParquet(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const { buffer, byteOffset, byteLength } = bytes;
  const file = {
    byteLength,
    slice: (start: number, end = byteLength) => buffer.slice(byteOffset + start, byteOffset + end),
  };
  try {
    const metadata = checkedMetadata(bytes);
    const rows: unknown[] = await parquetReadObjects({ file, metadata });
    return rows.map(plain);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(
      path,
      `is a Parquet file that cannot be read: ${reason.slice(0, 200)}`,
      'Write it anew with Snappy or without compression, or convert it to JSON lines.',
      cause,
    );
  }
}

const MAX_VALUES = 20_000_000;
/** Snappy packs no better than 64 bytes into 3. */
const MAX_RATIO = 64;
/** BYTE_STREAM_SPLIT, the last of the encodings. */
const MAX_ENCODING = 9;

/** The reader goes round for ever where a damaged page header has no size; so every header is looked at first. */
function checkedMetadata(bytes: Uint8Array<ArrayBuffer>): FileMetaData {
  const { buffer, byteOffset, byteLength } = bytes;
  // The search for columns of geometry would go round for ever where an element of the schema has fewer than no children.
  const metadata = parquetMetadata(buffer.slice(byteOffset, byteOffset + byteLength), { geoparquet: false });
  for (const { num_children: children } of metadata.schema) {
    if (children !== undefined && !isWhole(children, metadata.schema.length)) {
      throw new Error('its schema is damaged');
    }
  }
  const rows = metadata.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (metadata.num_rows !== rows) throw new Error('its counts of rows do not agree');
  for (const { columns, num_rows: own } of metadata.row_groups) {
    for (const { meta_data: column } of columns) {
      if (!column) throw new Error('a column has no metadata');
      const { dictionary_page_offset: dictionary, data_page_offset: data } = column;
      const start = Number(
        dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data,
      );
      const end = start + Number(column.total_compressed_size);
      if (!(start >= 4 && end <= byteLength)) throw new Error('a column lies outside of the file');
      const schemaPath = getSchemaPath(metadata.schema, column.path_in_schema);
      const levels = [getMaxRepetitionLevel(schemaPath), getMaxDefinitionLevel(schemaPath)] as const;
      const values = checkColumn(new DataView(buffer, byteOffset + start, end - start), levels);
      if (BigInt(values) !== column.num_values || own < 0n || own > column.num_values) {
        throw new Error('its counts of values do not agree');
      }
    }
  }
  return metadata;
}

/**
 * How many values its pages have. Numbers of fields as in `parquet.thrift` (PageHeader): kind 1, sizes 2 and 3, and by its kind the
 * header of a data page 5, of a dictionary 7, of a data page in the second form 8.
 */
function checkColumn(view: DataView<ArrayBuffer>, levels: Levels): number {
  const reader = { view, offset: 0 };
  let values = 0;
  while (reader.offset < view.byteLength - 1) {
    const header: Fields = deserializeTCompactProtocol(reader);
    const packed = header['field_3'];
    const left = view.byteLength - reader.offset;
    if (!isWhole(packed, left) || !isWhole(header['field_2'], MAX_RATIO * packed)) throw damaged();
    const count = valuesOf(header, packed);
    const second = header['field_8'];
    if (header['field_1'] === 3 && isFields(second)) {
      const [definition, repetition] = [Number(second['field_5']), Number(second['field_6'])];
      const middle = reader.offset + repetition;
      checkRuns(view, reader.offset, middle, levels[0], count);
      checkRuns(view, middle, middle + definition, levels[1], count);
    }
    values += count;
    reader.offset += packed;
  }
  return values;
}

/** The highest level of repetition and of definition. */
type Levels = readonly [repetition: number, definition: number];

/** The reader writes runs out as long as they say they are: none may be far longer than what the page has. */
function checkRuns(view: DataView, start: number, end: number, level: number, values: number): void {
  const width = 32 - Math.clz32(level);
  const reader = { view, offset: start };
  let seen = 0;
  while (level > 0 && seen < values) {
    if (reader.offset >= end) throw damaged();
    const header = readVarInt(reader);
    const isPacked = (header & 1) === 1;
    const count = isPacked ? (header >>> 1) * 8 : header >>> 1;
    if (count > values - seen + 512) throw damaged();
    reader.offset += isPacked ? (count * width) / 8 : Math.ceil(width / 8);
    seen += count;
  }
}

type Fields = Record<string, unknown>;

const damaged = (): Error => new Error('a page of it is damaged');

const isWhole = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value);

/** @throws where a number that the reader counts with is missing or cannot be: it would count for ever */
function valuesOf(header: Fields, packed: number): number {
  const kind = header['field_1'];
  const own = kind === 0 ? header['field_5'] : kind === 2 ? header['field_7'] : header['field_8'];
  if (!isFields(own) || !isWhole(own['field_1'], MAX_VALUES)) throw damaged();
  const values = own['field_1'];
  const isEach = (most: number, ...fields: number[]): boolean =>
    fields.every((field) => isWhole(own[`field_${field}`], most));
  if (kind === 0 && isEach(MAX_ENCODING, 2, 3, 4)) return values;
  if (kind === 2 && isEach(MAX_ENCODING, 2)) return 0;
  // Of nulls and rows there are at most as many as values; 5 and 6 are the bytes of its levels.
  if (kind === 3 && isEach(values, 2, 3) && isEach(MAX_ENCODING, 4) && isEach(packed, 5, 6)) {
    const flag = own['field_7'];
    if (flag === undefined || typeof flag === 'boolean') return values;
  }
  throw damaged();
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
      ? Number(value)
      : String(value);
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return Array.from(value as ArrayLike<unknown>, plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, plain(child)]));
}
