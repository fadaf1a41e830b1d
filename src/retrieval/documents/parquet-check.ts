/**
 * What hyparquet takes on trust of a Parquet file, looked at before it reads: damaged, or made for it, a small file would keep it busy for
 * minutes, or fill the memory. The look takes time in proportion to the bytes, and holds the end of the file or one column at a time.
 */
import { parquetMetadata, type ColumnMetaData, type FileMetaData, type RowGroup } from 'hyparquet';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from 'hyparquet/src/schema.js';
import type { ByteRanges } from './byte-ranges';
import { checkColumn, type ColumnKind } from './parquet-pages';
import { damaged, skipStruct } from './parquet-thrift';

/** Values of all columns: never more than these, and of a small file fewer. */
const MAX_VALUES = 20_000_000;
const mostValues = (bytes: number): number => Math.min(MAX_VALUES, 1_000_000 + 4 * bytes);
const MAX_FIELDS = 2000;
const MAX_GROUPS = 20_000;
/** Groups in groups. */
const MAX_NESTED = 32;
const MAX_FIXED_LENGTH = 4096;
const MAX_FOOTER = 64 * 2 ** 20;
/** The length of the footer, and the magic. */
const TAIL = 8;

/** The metadata of a file whose schema is sound and whose columns lie in it. @throws Error */
export async function checkedMetadata(file: ByteRanges): Promise<FileMetaData> {
  const footer = await readFooter(file);
  // The search for columns of geometry would go round for ever where an element of the schema has fewer than no children.
  const metadata = parquetMetadata(footer, { geoparquet: false });
  checkSchema(metadata);
  // Columns lie one behind the other, so together they are no longer than the file.
  let room = file.byteLength;
  for (const { columns, num_rows: rows } of metadata.row_groups) {
    if (columns.length === 0 && rows !== 0n) throw damaged();
    for (const { meta_data: column } of columns) {
      if (!column) throw new Error('a column has no metadata');
      const { start, end } = placeOf(column);
      room -= end - start;
      if (!(start >= 4 && end >= start && end <= file.byteLength && room >= 0)) {
        throw new Error('a column lies outside of the file');
      }
    }
  }
  return metadata;
}

/** Looks over the pages of one group of rows after the other. @throws Error where one is not sound */
export function groupChecker(metadata: FileMetaData, file: ByteRanges): (group: RowGroup) => Promise<void> {
  const kinds = new Map<string, ColumnKind>();
  const kindOnce = (column: ColumnMetaData): ColumnKind => {
    const name = JSON.stringify([column.path_in_schema, column.type, column.codec]);
    const kind = kinds.get(name) ?? kindOf(metadata, column);
    kinds.set(name, kind);
    return kind;
  };
  let left = mostValues(file.byteLength);
  return async ({ columns, num_rows: rows }) => {
    for (const { meta_data: column } of columns) {
      if (!column) throw damaged();
      const { start, end } = placeOf(column);
      const { buffer, byteOffset, byteLength } = await file.range(start, end);
      if (byteLength !== end - start) throw damaged();
      const values = checkColumn(new DataView(buffer, byteOffset, byteLength), kindOnce(column), left);
      left -= values;
      if (BigInt(values) !== column.num_values || rows < 0n || rows > column.num_values) {
        throw new Error('its counts of values do not agree');
      }
    }
  };
}

/** The end of the file, from the metadata on, once it can be walked. */
async function readFooter(file: ByteRanges): Promise<ArrayBuffer> {
  const { byteLength } = file;
  const tail = await file.range(Math.max(0, byteLength - TAIL), byteLength);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const length = tail.byteLength < TAIL ? byteLength : view.getUint32(0, true);
  if (length > byteLength - 4 - TAIL) throw new Error('its end is missing');
  if (length > MAX_FOOTER) throw new Error('its metadata is too large');
  const { buffer, byteOffset } = await file.range(byteLength - TAIL - length, byteLength);
  skipStruct({ view: new DataView(buffer, byteOffset, length), offset: 0 });
  return buffer.slice(byteOffset, byteOffset + length + TAIL);
}

function checkSchema({ schema, row_groups: groups, num_rows: rows }: FileMetaData): void {
  if (schema.length > MAX_FIELDS) throw new Error('it has too many columns');
  if (groups.length > MAX_GROUPS) throw new Error('it has too many groups of rows');
  for (const { num_children: children = 0, type_length: length = 0 } of schema) {
    const isSound = Number.isInteger(children) && children >= 0 && children <= schema.length;
    if (!isSound || length < 0 || length > MAX_FIXED_LENGTH) throw new Error('its schema is damaged');
  }
  if (rows !== groups.reduce((sum, group) => sum + group.num_rows, 0n)) {
    throw new Error('its counts of rows do not agree');
  }
}

/** Of a group, in the file: what is read for it at most. */
export const groupBytes = ({ columns }: RowGroup): number =>
  columns.reduce((sum, { meta_data: column }) => sum + Number(column?.total_compressed_size ?? 0n), 0);

function placeOf(column: ColumnMetaData): { start: number; end: number } {
  const { dictionary_page_offset: dictionary, data_page_offset: data } = column;
  const start = Number(dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data);
  return { start, end: start + Number(column.total_compressed_size) };
}

function kindOf({ schema }: FileMetaData, { path_in_schema: path, type, codec }: ColumnMetaData): ColumnKind {
  if (path.length > MAX_NESTED) throw new Error('its columns nest too deep');
  const schemaPath = getSchemaPath(schema, path);
  const repetition = getMaxRepetitionLevel(schemaPath);
  return { repetition, definition: getMaxDefinitionLevel(schemaPath), type, codec };
}
