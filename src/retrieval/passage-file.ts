/** Passages as stored: JSON lines `{id, title, text, metadata?}` in UTF-8. */
import { AppError } from '../protocol/errors';
import type { Passage } from '../protocol/retrieval';
import { passagesAt, type FetchedPassages } from './passage-text';

export function encodePassages(passages: readonly Passage[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const lines = passages.map(({ id, title, text, metadata }) =>
    encoder.encode(`${JSON.stringify({ id, title, text, ...(metadata && { metadata }) })}\n`),
  );
  const file = new Uint8Array(lines.reduce((sum, line) => sum + line.byteLength, 0));
  let offset = 0;
  for (const line of lines) {
    file.set(line, offset);
    offset += line.byteLength;
  }
  return file;
}

const BATCH = 1_000;

/**
 * A corpus in memory as bytes and line offsets: a passage is parsed when it is asked for, so that opening a large corpus costs
 * neither time nor objects.
 */
export class PassageFile implements FetchedPassages {
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #decoder = new TextDecoder('utf-8');
  readonly length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const starts: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = bytes.indexOf(10, at);
      const next = end < 0 ? bytes.length : end + 1;
      // Blank lines carry no passage.
      if (next - at > 2) starts.push(at, next);
      at = next;
    }
    this.#starts = Uint32Array.from(starts);
    this.length = starts.length / 2;
  }

  get memoryBytes(): number {
    return this.#bytes.byteLength + this.#starts.byteLength;
  }

  at(row: number): Passage | undefined {
    const start = this.#starts[row * 2];
    const end = this.#starts[row * 2 + 1];
    if (start === undefined || end === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(this.#decoder.decode(this.#bytes.subarray(start, end)));
    } catch (cause) {
      throw damaged(row, cause);
    }
    if (!isPassage(value)) throw damaged(row);
    return value;
  }

  fetch(rows: Iterable<number>): Promise<ReadonlyMap<number, Passage>> {
    return passagesAt({ length: this.length, at: (row) => this.at(row) }, rows);
  }

  /** All passages in order, some at a time. */
  async *batches(): AsyncGenerator<Passage[]> {
    for (let row = 0; row < this.length; row += BATCH) {
      const rows = Array.from({ length: Math.min(BATCH, this.length - row) }, (_, i) => row + i);
      yield [...(await this.fetch(rows)).values()];
    }
  }

  /** All passages in order. */
  *[Symbol.iterator](): Generator<Passage> {
    for (let row = 0; row < this.length; row++) {
      const passage = this.at(row);
      if (passage) yield passage;
    }
  }
}

function isPassage(value: unknown): value is Passage {
  if (typeof value !== 'object' || value === null) return false;
  const { id, title, text } = value as Partial<Record<keyof Passage, unknown>>;
  return typeof id === 'string' && typeof title === 'string' && typeof text === 'string';
}

const damaged = (row: number, cause?: unknown): AppError =>
  new AppError('INTEGRITY', `Passage ${row + 1} of the corpus is damaged.`, {
    fix: 'Import the corpus again.',
    ...(cause === undefined ? {} : { cause }),
  });
