import { parquetReadObjects } from 'hyparquet';
import { unreadable } from './file-content';

/** All rows, numbers of 64 bits as numbers where they are safe, else as text. @throws AppError `BAD_INPUT` */
export async function readParquet(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const { buffer, byteOffset, byteLength } = bytes;
  const file = {
    byteLength,
    slice: (start: number, end = byteLength) => buffer.slice(byteOffset + start, byteOffset + end),
  };
  try {
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
