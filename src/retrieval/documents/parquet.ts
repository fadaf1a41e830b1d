import { parquetReadObjects } from 'hyparquet';
import { AppError } from '../../protocol/errors';
import { rangesOf, type ByteRanges } from './byte-ranges';
import { megabytes } from './limits';
import { checkedMetadata, groupBytes, groupChecker } from './parquet-check';

/**
 * Rows of a Parquet file, one group of rows after the other, each looked over and read when its turn comes: no more of the file is in memory than
 * one of them. Numbers of 64 bits come as numbers where they are safe, else as text.
 * @throws Error for a damaged file, whatever is wrong with it; what `range` throws
 */
export async function* parquetRows(
  source: Uint8Array<ArrayBuffer> | ByteRanges,
  mostGroupBytes = Infinity,
): AsyncGenerator {
  const ranges = source instanceof Uint8Array ? rangesOf(source) : source;
  const { byteLength } = ranges;
  const file = {
    byteLength,
    slice: async (start: number, end = byteLength) => {
      const bytes = await ranges.range(start, end);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    },
  };
  const metadata = await checkedMetadata(ranges);
  const check = groupChecker(metadata, ranges);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    if (groupBytes(group) > mostGroupBytes) {
      throw new AppError('BAD_INPUT', `A group of rows is larger than ${megabytes(mostGroupBytes)}.`, {
        fix: 'Write the Parquet file anew with smaller groups of rows.',
      });
    }
    await check(group);
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
