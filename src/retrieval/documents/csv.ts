/**
 * Tables with commas, semicolons or tabs, piece by piece, as RFC 4180 has them: fields may stand in double quotes, with these doubled inside;
 * rows end in LF, CR or CRLF. What stands behind a closing quote belongs to the field, and a quote inside an unquoted one is a character,
 * as spreadsheets read them.
 */
import { AppError } from '../../protocol/errors';

export interface TableRow {
  /** In which it begins, from 1. */
  line: number;
  fields: string[];
}

/** `,` for .csv, unless the first line has more semicolons or tabs; a tab for .tsv. */
export function separatorOf(name: string, start: string): string {
  if (/\.tsv(\.gz)?$/i.test(name)) return '\t';
  const first = start.split(/[\r\n]/, 1)[0] ?? '';
  const count = (separator: string): number => first.split(separator).length;
  return [',', ';', '\t'].reduce((best, one) => (count(one) > count(best) ? one : best));
}

/** `quote`: behind a quote inside a quoted field, which is doubled or the end. */
type State = 'start' | 'plain' | 'quoted' | 'quote';

class TableParser {
  readonly #file: string;
  readonly #separator: string;
  readonly #maxLength: number;
  #state: State = 'start';
  #field: string[] = [];
  #fields: string[] = [];
  #line = 1;
  #rowLine = 1;
  #length = 0;
  #afterReturn = false;

  constructor(file: string, separator: string, maxLength: number) {
    this.#file = file;
    this.#separator = separator;
    this.#maxLength = maxLength;
  }

  *push(text: string): Generator<TableRow> {
    const special = new RegExp(`["\\r\\n${this.#separator}]`, 'g');
    for (let at = 0; at < text.length;) {
      special.lastIndex = at;
      const end = special.exec(text)?.index ?? text.length;
      if (end > at) {
        this.#append(text.slice(at, end));
        at = end;
        continue;
      }
      const row = this.#special(text[at++] ?? '');
      if (row) yield row;
    }
  }

  *end(): Generator<TableRow> {
    if (this.#state === 'quoted') {
      throw this.#error('has a quotation mark that is never closed', 'Close it, or double it.');
    }
    if (this.#fields.length > 0 || this.#field.length > 0 || this.#state !== 'start') {
      const row = this.#endRow();
      if (row) yield row;
    }
  }

  #append(part: string): void {
    this.#afterReturn = false;
    this.#length += part.length;
    if (this.#length > this.#maxLength) {
      throw this.#error(`has a row longer than ${this.#maxLength} characters`, 'Split it into several rows.');
    }
    this.#field.push(part);
    if (this.#state === 'start' || this.#state === 'quote') this.#state = 'plain';
  }

  #special(character: string): TableRow | null {
    const second = character === '\n' && this.#afterReturn;
    this.#afterReturn = character === '\r';
    if (!second && (character === '\r' || character === '\n')) this.#line++;
    if (this.#state === 'quoted') {
      if (character !== '"') this.#append(second ? '' : character === '\r' ? '\n' : character);
      else this.#state = 'quote';
      this.#afterReturn = character === '\r';
      return null;
    }
    if (character === '"') {
      if (this.#state === 'start') this.#state = 'quoted';
      else if (this.#state === 'quote') {
        this.#append('"');
        this.#state = 'quoted';
      } else this.#append('"');
      return null;
    }
    if (second) {
      this.#rowLine = this.#line;
      return null;
    }
    if (character === this.#separator) {
      this.#endField();
      // A row may end in an empty field.
      this.#state = 'start';
      return null;
    }
    return this.#endRow();
  }

  #endField(): void {
    this.#fields.push(this.#field.join(''));
    this.#field = [];
    this.#state = 'start';
  }

  #endRow(): TableRow | null {
    this.#endField();
    const row = { line: this.#rowLine, fields: this.#fields };
    this.#fields = [];
    this.#length = 0;
    this.#rowLine = this.#line;
    return row.fields.length > 1 || row.fields[0]?.trim() ? row : null;
  }

  #error(what: string, fix: string): AppError {
    return new AppError('BAD_INPUT', `Line ${this.#rowLine} of ${this.#file} ${what}.`, {
      fix,
      context: { file: this.#file, line: this.#rowLine },
    });
  }
}

/** Rows as they come; empty lines are skipped. */
export async function* tableRows(
  pieces: AsyncIterable<string>,
  file: string,
  maxLength: number,
): AsyncGenerator<TableRow> {
  let parser: TableParser | null = null;
  for await (const piece of pieces) {
    if (piece === '') continue;
    parser ??= new TableParser(file, separatorOf(file, piece), maxLength);
    yield* parser.push(piece);
  }
  if (parser) yield* parser.end();
}
