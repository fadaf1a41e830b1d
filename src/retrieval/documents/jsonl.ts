/** Corpora as JSON lines: `{id, title, text}`, or `{id, contents}` as s3, Search-R1 and Pyserini write them; `_id` as in BEIR. */
import type { DocumentFile } from '../../protocol/corpus';
import type { Passage } from '../../protocol/retrieval';
import { readText } from './decode-text';
import type { ImportLimits } from './limits';
import { passageOfRow, rowError, type Row } from './row-passage';
import { SeenIds } from './seen-ids';

export interface NumberedPassage {
  /** From 1. */
  line: number;
  passage: Passage;
}

interface NumberedLine {
  line: number;
  text: string;
}

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
        { file, line },
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

/** One row; `id` falls back to `file#line`. */
function parseRow(text: string, file: string, line: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (cause) {
    throw rowError(
      { file, line },
      'is not JSON',
      'Each line must be one JSON object, such as {"id": "1", "title": "…", "text": "…"}.',
      cause,
    );
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Row;
  throw rowError({ file, line }, 'is not a JSON object', 'Write {"id": "1", "title": "…", "text": "…"}.');
}

/** The rows of a file of JSON lines, unread. */
export async function* jsonlRows(
  file: DocumentFile,
  limits: ImportLimits,
  signal?: AbortSignal,
): AsyncGenerator<{ line: number; row: Row }> {
  const lines = splitLines(readText(file, limits, signal), file.name, limits.lineLength);
  for await (const { line, text } of lines) {
    if (text.trim() !== '') yield { line, row: parseRow(text, file.name, line) };
  }
}

/** Reads a corpus row by row; an id that comes twice is an error that names both lines. */
export async function* readJsonl(
  file: DocumentFile,
  limits: ImportLimits,
  signal?: AbortSignal,
): AsyncGenerator<NumberedPassage> {
  const seen = new SeenIds();
  for await (const { line, row } of jsonlRows(file, limits, signal)) {
    const place = { file: file.name, line };
    const passage = passageOfRow(row, place);
    seen.add(passage.id, place);
    yield { line, passage };
  }
}
