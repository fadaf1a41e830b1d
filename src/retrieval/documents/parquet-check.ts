/**
 * What hyparquet takes on trust of a Parquet file, looked at before it reads: damaged, or made for it, a small file would keep it busy for
 * minutes, or fill the memory. The look takes time in proportion to the bytes.
 */
import { parquetMetadata, type ColumnMetaData, type FileMetaData } from 'hyparquet';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from 'hyparquet/src/schema.js';
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
/** The length of the footer, and the magic. */
const TAIL = 8;

/** The metadata of a file whose every page is sound. @throws Error */
export function checkedMetadata(bytes: Uint8Array<ArrayBuffer>): FileMetaData {
  const { buffer, byteOffset, byteLength } = bytes;
  checkFooter(new DataView(buffer, byteOffset, byteLength));
  // The search for columns of geometry would go round for ever where an element of the schema has fewer than no children.
  const metadata = parquetMetadata(buffer.slice(byteOffset, byteOffset + byteLength), { geoparquet: false });
  checkSchema(metadata);
  const kinds = new Map<string, ColumnKind>();
  const kindOnce = (column: ColumnMetaData): ColumnKind => {
    const name = JSON.stringify([column.path_in_schema, column.type, column.codec]);
    const kind = kinds.get(name) ?? kindOf(metadata, column);
    kinds.set(name, kind);
    return kind;
  };
  let left = mostValues(byteLength);
  // Columns lie one behind the other, so together they are no longer than the file.
  let room = byteLength;
  for (const { columns, num_rows: rows } of metadata.row_groups) {
    if (columns.length === 0 && rows !== 0n) throw damaged();
    for (const { meta_data: column } of columns) {
      if (!column) throw new Error('a column has no metadata');
      const { start, end } = placeOf(column);
      room -= end - start;
      if (!(start >= 4 && end >= start && end <= byteLength && room >= 0)) {
        throw new Error('a column lies outside of the file');
      }
      const view = new DataView(buffer, byteOffset + start, end - start);
      const values = checkColumn(view, kindOnce(column), left);
      left -= values;
      if (BigInt(values) !== column.num_values || rows < 0n || rows > column.num_values) {
        throw new Error('its counts of values do not agree');
      }
    }
  }
  return metadata;
}

function checkFooter(file: DataView<ArrayBuffer>): void {
  const { buffer, byteOffset, byteLength } = file;
  const footer = byteLength < 4 + TAIL ? byteLength : file.getUint32(byteLength - TAIL, true);
  if (footer > byteLength - 4 - TAIL) throw new Error('its end is missing');
  const at = byteOffset + byteLength - TAIL - footer;
  skipStruct({ view: new DataView(buffer, at, footer), offset: 0 });
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
