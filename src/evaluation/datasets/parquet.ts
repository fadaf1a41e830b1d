import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { unreadable } from './unreadable';

/** All rows, numbers of 64 bits as numbers where they are safe, else as text. @throws AppError `BAD_INPUT` */
export async function readParquet(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const { buffer, byteOffset, byteLength } = bytes;
  const file = {
    byteLength,
    slice: (start: number, end = byteLength) => buffer.slice(byteOffset + start, byteOffset + end),
  };
  try {
    checkPages(bytes);
    const rows: unknown[] = await parquetReadObjects({ file });
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

/** The reader goes round for ever where a damaged page header has no size; so every header is looked at first. */
function checkPages(bytes: Uint8Array<ArrayBuffer>): void {
  const { buffer, byteOffset, byteLength } = bytes;
  const metadata = parquetMetadata(buffer.slice(byteOffset, byteOffset + byteLength));
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
      const values = checkColumn(new DataView(buffer, byteOffset + start, end - start));
      if (BigInt(values) !== column.num_values || own < 0n || own > column.num_values) {
        throw new Error('its counts of values do not agree');
      }
    }
  }
}

/**
 * How many values its pages have. Numbers of fields as in `parquet.thrift`: sizes 2 and 3, data pages 5 and 8, dictionary 7, in each of
 * which field 1 is the count.
 */
function checkColumn(view: DataView<ArrayBuffer>): number {
  const reader = { view, offset: 0 };
  let values = 0;
  while (reader.offset < view.byteLength - 1) {
    const header: Record<string, unknown> = deserializeTCompactProtocol(reader);
    const whole = (value: unknown, most: number): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
    const countOf = (kind: unknown): unknown =>
      typeof kind === 'object' && kind !== null && 'field_1' in kind ? kind.field_1 : undefined;
    const own = countOf(header['field_5'] ?? header['field_8']);
    const count = own ?? countOf(header['field_7']);
    const packed = header['field_3'];
    if (
      !whole(packed, view.byteLength - reader.offset) ||
      !whole(header['field_2'], MAX_RATIO * packed) ||
      !whole(count, MAX_VALUES)
    ) {
      throw new Error('a page of it is damaged');
    }
    if (own !== undefined) values += count;
    reader.offset += packed;
  }
  return values;
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
