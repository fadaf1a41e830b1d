import { parquetRows } from '../../retrieval/documents/parquet';
import { unreadable } from './unreadable';

/** All rows, numbers of 64 bits as numbers where they are safe, else as text. @throws AppError `BAD_INPUT` */
export async function readParquet(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const rows: unknown[] = [];
  try {
    for await (const row of parquetRows(bytes)) rows.push(row);
    return rows;
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
