/** Corpora as JSON lines: `{id, title, text}`, or `{id, contents}` as s3, Search-R1 and Pyserini write them; `_id` as in BEIR. */
import { AppError } from '../../protocol/errors';
import type { DocumentFile } from '../../protocol/corpus';
import type { Passage } from '../../protocol/retrieval';
import { fromContents } from '../passage-text';
import { readText } from './decode-text';
import type { ImportLimits } from './limits';

export interface NumberedPassage {
  /** From 1. */
  line: number;
  passage: Passage;
}

interface NumberedLine {
  line: number;
  text: string;
}

const rowError = (file: string, line: number, what: string, fix: string, cause?: unknown): AppError =>
  new AppError('BAD_INPUT', `Line ${line} of ${file} ${what}.`, {
    fix,
    context: { file, line },
    ...(cause === undefined ? {} : { cause }),
  });

/** Lines end in LF or CRLF; lines of nothing but blanks are skipped, though they count. */
async function* splitLines(
  pieces: AsyncIterable<string>,
  file: string,
  maxLength: number,
): AsyncGenerator<NumberedLine> {
  let line = 1;
  // Kept in parts: appending to one string and searching it again would be quadratic for a long line.
  let parts: string[] = [];
  let length = 0;
  const take = (): NumberedLine => {
    const text = parts.join('');
    parts = [];
    length = 0;
    return { line: line++, text };
  };
  const append = (part: string): void => {
    length += part.length;
    if (length > maxLength) {
      throw rowError(
        file,
        line,
        `is longer than ${maxLength} characters`,
        'Split the text into several rows.',
      );
    }
    parts.push(part);
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', start)) {
      append(piece.slice(start, end));
      start = end + 1;
      yield take();
    }
    if (start < piece.length) append(piece.slice(start));
  }
  if (length > 0) yield take();
}

function stringField(row: Record<string, unknown>, name: string, file: string, line: number): string | null {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (name.endsWith('id') && typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw rowError(file, line, `has a field "${name}" that is no text`, `Write "${name}" as a JSON string.`);
}

/** One row; `id` falls back to `file#line`. */
export function parseRow(text: string, file: string, line: number): Passage {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (cause) {
    throw rowError(
      file,
      line,
      'is not JSON',
      'Each line must be one JSON object, such as {"id": "1", "title": "…", "text": "…"}.',
      cause,
    );
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw rowError(file, line, 'is not a JSON object', 'Write {"id": "1", "title": "…", "text": "…"}.');
  }
  const fields = row as Record<string, unknown>;
  const id =
    stringField(fields, 'id', file, line) ?? stringField(fields, '_id', file, line) ?? `${file}#${line}`;
  if (id === '') throw rowError(file, line, 'has an empty id', 'Give the row an id, or leave the field out.');
  const ownText = stringField(fields, 'text', file, line);
  const contents = ownText === null ? stringField(fields, 'contents', file, line) : null;
  if (ownText === null && contents === null) {
    throw rowError(
      file,
      line,
      'has neither "text" nor "contents"',
      'Put the text of the passage under one of them.',
    );
  }
  const passage =
    contents === null
      ? { id, title: stringField(fields, 'title', file, line) ?? '', text: ownText ?? '' }
      : { id, ...fromContents(contents) };
  if (passage.text.trim() === '' && passage.title.trim() === '') {
    throw rowError(file, line, 'has no text', 'Remove the row, or write its text.');
  }
  return passage;
}

/** Reads a corpus row by row; an id that comes twice is an error that names both lines. */
export async function* readJsonl(
  file: DocumentFile,
  limits: ImportLimits,
  signal?: AbortSignal,
): AsyncGenerator<NumberedPassage> {
  const seen = new Map<string, number>();
  const lines = splitLines(readText(file, limits, signal), file.name, limits.lineLength);
  for await (const { line, text } of lines) {
    if (text.trim() === '') continue;
    const passage = parseRow(text, file.name, line);
    const before = seen.get(passage.id);
    if (before !== undefined) {
      throw rowError(
        file.name,
        line,
        `repeats the id "${passage.id}" of line ${before}`,
        'Give each row its own id.',
      );
    }
    seen.set(passage.id, line);
    yield { line, passage };
  }
}
