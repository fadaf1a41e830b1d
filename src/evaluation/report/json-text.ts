/**
 * JSON as text, without loss: keys in their order (JavaScript's objects move "12" to the front), numbers as they are written (`1.0` is no
 * `1`), and the style of whoever wrote it, so that a file that is read and written again has the same bytes.
 */
import { AppError } from '../../protocol/errors';

export type JsonValue = null | boolean | string | JsonNumber | JsonValue[] | JsonObject;
export type JsonObject = Map<string, JsonValue>;

/** A number by its literal. */
export class JsonNumber {
  constructor(readonly literal: string) {}

  get value(): number {
    return Number(this.literal);
  }
}

export interface JsonStyle {
  /** Blanks per level; null: on one line. */
  indent: number | null;
  /** Everything beyond ASCII escaped, as Python does by default. */
  ascii: boolean;
  /** With no indent: `, ` and `: ` as Python, or without blanks as JavaScript. */
  spaced: boolean;
  finalNewline: boolean;
}

/** `json.dump(value, file, indent=4)`. */
export const PYTHON_STYLE: JsonStyle = { indent: 4, ascii: true, spaced: true, finalNewline: false };

const MAX_DEPTH = 200;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\n\r]*/y;

/** @throws AppError `BAD_INPUT` with the place. Keys that come twice are refused. */
export function parseJsonText(text: string): JsonValue {
  return new Parser(text).document();
}

class Parser {
  /** Whether the first comma or colon that tells is followed by a blank. */
  spaced: boolean | undefined;
  #at = 0;

  constructor(private readonly text: string) {}

  document(): JsonValue {
    const value = this.#value(0);
    this.#blank();
    if (this.#at < this.text.length) throw this.#wrong('something stands behind its end');
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#wrong('it is nested too deeply');
    this.#blank();
    const first = this.text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#list(depth);
    if (first === '"') return this.#string();
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (!this.text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const literal = NUMBER.exec(this.text)?.[0];
    if (literal === undefined) throw this.#wrong('there is no value');
    this.#at += literal.length;
    return new JsonNumber(literal);
  }

  #object(depth: number): JsonObject {
    const object: JsonObject = new Map();
    this.#at++;
    if (this.#taken('}')) return object;
    for (;;) {
      this.#blank();
      if (this.text[this.#at] !== '"') throw this.#wrong('a name in quotation marks is missing');
      const name = this.#string();
      if (object.has(name)) throw this.#wrong(`the name "${name.slice(0, 60)}" comes twice`);
      if (!this.#taken(':')) throw this.#wrong('a colon is missing');
      object.set(name, this.#value(depth + 1));
      if (this.#taken('}')) return object;
      if (!this.#taken(',')) throw this.#wrong('a comma or a closing brace is missing');
    }
  }

  #list(depth: number): JsonValue[] {
    const list: JsonValue[] = [];
    this.#at++;
    if (this.#taken(']')) return list;
    for (;;) {
      list.push(this.#value(depth + 1));
      if (this.#taken(']')) return list;
      if (!this.#taken(',')) throw this.#wrong('a comma or a closing bracket is missing');
    }
  }

  #string(): string {
    let end = this.#at + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    const literal = this.text.slice(this.#at, end + 1);
    try {
      const value = JSON.parse(literal) as string;
      this.#at = end + 1;
      return value;
    } catch {
      throw this.#wrong('a text is not sound');
    }
  }

  #taken(mark: string): boolean {
    this.#blank();
    if (this.text[this.#at] !== mark) return false;
    this.#at++;
    if (mark === ':' || mark === ',')
      this.spaced ??= this.text[this.#at] === ' ' || this.text[this.#at] === '\n';
    return true;
  }

  #blank(): void {
    BLANK.lastIndex = this.#at;
    this.#at += BLANK.exec(this.text)?.[0].length ?? 0;
  }

  #wrong(what: string): AppError {
    return new AppError('BAD_INPUT', `This is no JSON: ${what} (character ${this.#at + 1}).`, {
      fix: 'Check that it is the right file and whole.',
    });
  }
}

/** The style of sound JSON; a mixed one becomes the nearest there is. */
export function styleOf(text: string): JsonStyle {
  const parser = new Parser(text);
  parser.document();
  const indent = /^[{[]\n( *)/.exec(text)?.[1]?.length;
  return {
    indent: indent ?? null,
    ascii: /^[\x00-\x7e]*$/.test(text),
    spaced: parser.spaced ?? true,
    finalNewline: text.endsWith('\n'),
  };
}

export function writeJsonText(value: JsonValue, style: JsonStyle): string {
  return `${write(value, style, 0)}${style.finalNewline ? '\n' : ''}`;
}

function write(value: JsonValue, style: JsonStyle, depth: number): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (value instanceof JsonNumber) return value.literal;
  if (typeof value === 'string') return writeString(value, style.ascii);
  const { indent, spaced } = style;
  const isList = Array.isArray(value);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  const items = isList
    ? value.map((one) => write(one, style, depth + 1))
    : [...value].map(
        ([name, one]) =>
          `${writeString(name, style.ascii)}:${spaced ? ' ' : ''}${write(one, style, depth + 1)}`,
      );
  if (items.length === 0) return `${open}${close}`;
  if (indent === null) return `${open}${items.join(spaced ? ', ' : ',')}${close}`;
  const pad = `\n${' '.repeat(indent * (depth + 1))}`;
  return `${open}${pad}${items.join(`,${pad}`)}\n${' '.repeat(indent * depth)}${close}`;
}

/** With `ascii`, everything beyond `~` is `\\uXXXX` by UTF-16 unit. */
function writeString(text: string, ascii: boolean): string {
  const plain = JSON.stringify(text);
  return ascii
    ? plain.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : plain;
}

/** A whole number, as Python writes an `int`. */
export const intNumber = (value: number): JsonNumber => new JsonNumber(String(value));

/** As Python's `repr` writes a `float`: `1.0`, `0.5`, `1e-05`. */
export function floatNumber(value: number): JsonNumber {
  const text = String(value);
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e16)) {
    const [mantissa = '', exponent = ''] = value.toExponential().split('e');
    const digits = exponent.replace(/^[+-]/, '').padStart(2, '0');
    return new JsonNumber(`${mantissa}e${exponent.startsWith('-') ? '-' : '+'}${digits}`);
  }
  return new JsonNumber(/[.e]/.test(text) ? text : `${text}.0`);
}
