import { parquetReadObjects } from 'hyparquet';
import { checkedMetadata } from './parquet-check';

/**
 * Rows of a Parquet file, one group of rows after the other; numbers of 64 bits as numbers where they are safe, else as text.
 * @throws Error for a damaged file, whatever is wrong with it
 */
export async function* parquetRows(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator {
  const { buffer, byteOffset, byteLength } = bytes;
  const file = {
    byteLength,
    slice: (start: number, end = byteLength) => buffer.slice(byteOffset + start, byteOffset + end),
  };
  const metadata = checkedMetadata(bytes);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows: unknown[] = await parquetReadObjects({ file, metadata, rowStart, rowEnd });
    for (const row of rows) yield plain(row);
    rowStart = rowEnd;
  }
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
