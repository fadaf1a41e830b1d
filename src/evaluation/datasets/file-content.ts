/** The bytes of a data set's file as rows or as one document: JSON, JSON lines, Parquet, tables with tabs or commas; gzip in front of any. */
import { unreadable } from './unreadable';

/** `document`: JSON that is no list. */
export type FileContent =
  { kind: 'rows'; rows: unknown[] } | { kind: 'document'; value: Record<string, unknown> };

const MAX_BYTES = 400 * 1024 * 1024;

/** @throws AppError `BAD_INPUT` that names the line or what is wrong */
export async function readContent(path: string, packed: Uint8Array<ArrayBuffer>): Promise<FileContent> {
  const bytes = await unpacked(path, packed);
  if (bytes.length > MAX_BYTES) {
    throw unreadable(
      path,
      `has ${bytes.length} bytes; at most ${MAX_BYTES} are read`,
      'Split it, or take a part of it.',
    );
  }
  if (isParquet(bytes)) {
    const { readParquet } = await import('./parquet');
    return { kind: 'rows', rows: await readParquet(path, bytes) };
  }
  const text = decoded(path, bytes);
  const name = path.toLowerCase().replace(/\.gz$/, '');
  if (name.endsWith('.tsv')) return { kind: 'rows', rows: tableRows(path, text, '\t') };
  if (name.endsWith('.csv')) return { kind: 'rows', rows: tableRows(path, text, ',') };
  return jsonContent(path, text);
}

async function unpacked(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const reader = stream.getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      length += step.value.length;
      if (length > MAX_BYTES) break;
      parts.push(new Uint8Array(step.value));
    }
    if (length > MAX_BYTES) void reader.cancel();
  } catch (cause) {
    throw unreadable(path, 'is packed with gzip and damaged', 'Fetch it again.', cause);
  }
  if (length > MAX_BYTES) {
    throw unreadable(path, `has more than ${MAX_BYTES} bytes unpacked`, 'Split it, or take a part of it.');
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const isParquet = (bytes: Uint8Array): boolean =>
  bytes.length > 8 && [0x50, 0x41, 0x52, 0x31].every((byte, i) => bytes[i] === byte);

function decoded(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(path, 'is neither text in UTF-8 nor a Parquet file', 'Convert it to UTF-8.', cause);
  }
}

function jsonContent(path: string, text: string): FileContent {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    return { kind: 'rows', rows: jsonLines(path, text) };
  }
  if (Array.isArray(whole)) return { kind: 'rows', rows: whole };
  if (typeof whole !== 'object' || whole === null) {
    throw unreadable(path, 'is JSON, but neither a list nor an object', 'Give a list of questions.');
  }
  const value = whole as Record<string, unknown>;
  // One line of JSON lines is a document, too.
  if ('question' in value || 'Question' in value || 'reward_model' in value || 'pico' in value) {
    return { kind: 'rows', rows: [value] };
  }
  return { kind: 'document', value };
}

function jsonLines(path: string, text: string): unknown[] {
  const rows: unknown[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      rows.push(JSON.parse(line));
    } catch (cause) {
      throw unreadable(
        `Line ${i + 1} of ${path}`,
        'is not JSON',
        'Each line must be one JSON object, such as {"question": "…", "answers": ["…"]}.',
        cause,
      );
    }
  }
  if (rows.length > 0) return rows;
  throw unreadable(path, 'is empty', 'Choose a file with questions.');
}

/** The first row names the columns. Fields may stand in double quotes, with these doubled inside. */
export function tableRows(path: string, text: string, separator: string): Record<string, string>[] {
  const [names, ...rows] = tableFields(path, text, separator);
  if (!names) throw unreadable(path, 'is empty', 'Choose a file with questions.');
  return rows.map((fields) => Object.fromEntries(names.map((name, i) => [name.trim(), fields[i] ?? ''])));
}

function tableFields(path: string, text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  const input = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  while (at < input.length) {
    let field: string;
    if (input[at] === '"') {
      const { value, end } = quoted(path, input, at);
      at = end;
      while (at < input.length && input[at] !== separator && input[at] !== '\n') at++;
      field = value + input.slice(end, at);
    } else {
      let end = at;
      while (end < input.length && input[end] !== separator && input[end] !== '\n') end++;
      field = input.slice(at, end);
      at = end;
    }
    row.push(field);
    if (input[at] === separator) {
      at++;
      if (at === input.length) row.push('');
      continue;
    }
    at++;
    if (row.length > 1 || field !== '') rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

/** Up to the closing quote; what stands behind it up to the separator belongs to the field, as tables of quoted words have it. */
function quoted(path: string, input: string, start: number): { value: string; end: number } {
  const parts: string[] = [];
  for (let from = start + 1; ;) {
    const close = input.indexOf('"', from);
    if (close < 0) {
      const line = input.slice(0, start).split('\n').length;
      throw unreadable(
        `Line ${line} of ${path}`,
        'has a quotation mark that is never closed',
        'Close it, or double it.',
      );
    }
    parts.push(input.slice(from, close));
    if (input[close + 1] !== '"') return { value: parts.join(''), end: close + 1 };
    parts.push('"');
    from = close + 2;
  }
}
