/** The rows of a file, whatever it is written in. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { DocumentFile, DocumentKind } from '../../protocol/corpus';
import { rangesOf, type ByteRanges } from './byte-ranges';
import { tableRows } from './csv';
import { readText, readWholeBytes } from './decode-text';
import { jsonlRows } from './jsonl';
import { megabytes, type ImportLimits } from './limits';
import { rowError, type Row } from './row-passage';

export type RowKind = Extract<DocumentKind, 'jsonl' | 'csv' | 'parquet'>;

export interface NumberedRow {
  /** From 1. */
  line: number;
  row: Row;
}

export async function* readRows(
  file: DocumentFile,
  kind: RowKind,
  limits: ImportLimits,
  signal?: AbortSignal,
): AsyncGenerator<NumberedRow> {
  if (kind === 'jsonl') yield* jsonlRows(file, limits, signal);
  else if (kind === 'csv') yield* namedRows(file, limits, signal);
  else yield* parquetFile(file, limits, signal);
}

/** The first row names the columns, in whatever case. */
async function* namedRows(
  file: DocumentFile,
  limits: ImportLimits,
  signal?: AbortSignal,
): AsyncGenerator<NumberedRow> {
  let names: string[] | null = null;
  for await (const { line, fields } of tableRows(
    readText(file, limits, signal),
    file.name,
    limits.lineLength,
  )) {
    if (!names) {
      names = fields.map((name) => name.trim().toLowerCase());
      continue;
    }
    if (fields.length > names.length) {
      throw rowError(
        { file: file.name, line },
        `has ${fields.length} fields, the first line ${names.length}`,
        'Put fields that hold the separator in double quotes.',
      );
    }
    // What is empty is absent: a row without an id gets one.
    const pairs = names
      .map((name, i) => [name, fields[i] ?? ''] as const)
      .filter(([, value]) => value !== '');
    yield { line, row: Object.fromEntries(pairs) };
  }
}

async function* parquetFile(
  file: DocumentFile,
  limits: ImportLimits,
  signal?: AbortSignal,
): AsyncGenerator<NumberedRow> {
  const source = await rangesOfFile(file, limits, signal);
  const damaged = (cause: unknown): AppError =>
    new AppError('BAD_INPUT', `${file.name} is not a Parquet file that can be read.`, {
      fix: 'Write it anew with Snappy or without compression, or convert it to JSON lines.',
      context: { file: file.name },
      cause,
    });
  const { parquetRows } = await import('./parquet');
  const rows = parquetRows(source, limits.wholeBytes);
  for (let line = 1; ; line++) {
    const step = await rows.next().catch((cause: unknown) => {
      throw cause instanceof AppError ? cause : damaged(cause);
    });
    if (step.done) return;
    const row = step.value;
    if (typeof row !== 'object' || row === null) throw damaged(new Error('a row is no record'));
    yield { line, row: row as Row };
  }
}

/** Of a file that can be read in parts, else of the whole of it. */
async function rangesOfFile(
  file: DocumentFile,
  limits: ImportLimits,
  signal: AbortSignal | undefined,
): Promise<ByteRanges> {
  if (!file.range) return rangesOf(await readWholeBytes(file, limits, signal));
  const { name, size } = file;
  if (size > limits.fileBytes) {
    throw new AppError('BAD_INPUT', `${name} is larger than ${megabytes(limits.fileBytes)}.`, {
      fix: 'Split the file, or build the index with the command line.',
      context: { file: name },
    });
  }
  return {
    byteLength: size,
    async range(start, end) {
      throwIfAborted(signal);
      try {
        return (await file.range?.(start, end)) ?? new Uint8Array();
      } catch (cause) {
        throw new AppError('BAD_INPUT', `${name} could not be read.`, {
          fix: 'Check that the file is still there, and add it again.',
          context: { file: name },
          cause,
        });
      }
    },
  };
}
