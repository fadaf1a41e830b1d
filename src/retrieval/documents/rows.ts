/** The rows of a file, whatever it is written in. */
import { AppError } from '../../protocol/errors';
import type { DocumentFile, DocumentKind } from '../../protocol/corpus';
import { tableRows } from './csv';
import { readText, readWholeBytes } from './decode-text';
import { jsonlRows } from './jsonl';
import type { ImportLimits } from './limits';
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
  const bytes = await readWholeBytes(file, limits, signal);
  const damaged = (cause: unknown): AppError =>
    new AppError('BAD_INPUT', `${file.name} is not a Parquet file that can be read.`, {
      fix: 'Write it anew with Snappy or without compression, or convert it to JSON lines.',
      context: { file: file.name },
      cause,
    });
  const { parquetRows } = await import('./parquet');
  const rows = parquetRows(bytes);
  for (let line = 1; ; line++) {
    const step = await rows.next().catch((cause: unknown) => {
      throw damaged(cause);
    });
    if (step.done) return;
    const row = step.value;
    if (typeof row !== 'object' || row === null) throw damaged(new Error('a row is no record'));
    yield { line, row: row as Row };
  }
}
