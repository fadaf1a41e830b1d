/**
 * BM25 as sparse vectors, for engines that multiply and add: a passage holds for each of its terms the whole BM25 weight, idf included; a
 * query holds how often it has each term. Their inner product is Lucene's score, whatever the engine's shards know of the rest.
 */
import type { Bm25Index } from '../bm25/bm25-index';
import { decodeLength } from '../bm25/length-code';
import type { RemoteManifest } from './remote-manifest';

const f32 = Math.fround;

/** FNV-1a over the UTF-8 bytes, 32 bits. */
export function hashTerm(term: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(term)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The number of every term: its hash; or, where an earlier term has that, the next one that is free. */
export class TermNumbers {
  readonly #exceptions: Readonly<Record<string, number>>;

  constructor({ numbers = {} }: Pick<RemoteManifest, 'numbers'> = {}) {
    this.#exceptions = numbers;
  }

  static of(terms: readonly string[]): Record<string, number> {
    const taken = new Set<number>();
    const exceptions: Record<string, number> = {};
    const later: string[] = [];
    for (const term of terms) {
      const hash = hashTerm(term);
      if (taken.has(hash)) later.push(term);
      else taken.add(hash);
    }
    for (const term of later) {
      let number = hashTerm(term);
      while (taken.has(number)) number = (number + 1) >>> 0;
      taken.add(number);
      exceptions[term] = number;
    }
    return exceptions;
  }

  numberOf(term: string): number {
    return (Object.hasOwn(this.#exceptions, term) ? this.#exceptions[term] : undefined) ?? hashTerm(term);
  }
}

export interface SparseVector {
  indices: number[];
  values: number[];
}

const sorted = (entries: Iterable<readonly [number, number]>): SparseVector => {
  const list = [...entries].sort((a, b) => a[0] - b[0]);
  return { indices: list.map(([index]) => index), values: list.map(([, value]) => value) };
};

/** Counts of the terms of a query. */
export function queryVector(terms: readonly string[], numbers: TermNumbers): SparseVector {
  const counts = new Map<number, number>();
  for (const term of terms) {
    const number = numbers.numberOf(term);
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return sorted(counts);
}

/** Weights of all passages of an index: its postings, turned round once. */
export class PassageWeights {
  /** [rows + 1] */
  readonly #starts: Float64Array;
  /** [postings] term numbers and weights, passage by passage. */
  readonly #terms: Uint32Array;
  readonly #weights: Float32Array;
  readonly #numbers: Uint32Array;

  constructor({ data, count }: Bm25Index, numbers: TermNumbers) {
    const { terms, postings, lengths, totalLength, parameters } = data;
    const k1 = f32(parameters.k1);
    const b = f32(parameters.b);
    let documents = 0;
    for (const code of lengths) if (code > 0) documents += 1;
    const average = f32(totalLength / Math.max(documents, 1));
    this.#numbers = Uint32Array.from(terms, (term) => numbers.numberOf(term));
    this.#starts = new Float64Array(count + 1);
    for (let term = 0; term < terms.length; term++) {
      for (const cursor = postings.open(term); cursor.next();) {
        this.#starts[cursor.row + 1] = (this.#starts[cursor.row + 1] ?? 0) + 1;
      }
    }
    for (let row = 0; row < count; row++) {
      this.#starts[row + 1] = (this.#starts[row + 1] ?? 0) + (this.#starts[row] ?? 0);
    }
    const next = this.#starts.slice();
    this.#terms = new Uint32Array(this.#starts[count] ?? 0);
    this.#weights = new Float32Array(this.#terms.length);
    for (let term = 0; term < terms.length; term++) {
      const df = postings.lengths[term] ?? 0;
      const idf = f32(Math.log(1 + (documents - df + 0.5) / (df + 0.5)));
      for (const cursor = postings.open(term); cursor.next();) {
        const { row } = cursor;
        const relative = f32(f32(b * decodeLength(lengths[row] ?? 0)) / average);
        const inverseNorm = f32(1 / f32(k1 * f32(f32(1 - b) + relative)));
        const saturated = f32(1 + f32(cursor.frequency * inverseNorm));
        const at = next[row] ?? 0;
        next[row] = at + 1;
        this.#terms[at] = term;
        this.#weights[at] = idf - f32(idf / saturated);
      }
    }
  }

  at(row: number): SparseVector {
    const entries: [number, number][] = [];
    for (let i = this.#starts[row] ?? 0; i < (this.#starts[row + 1] ?? 0); i++) {
      entries.push([this.#numbers[this.#terms[i] ?? 0] ?? 0, this.#weights[i] ?? 0]);
    }
    return sorted(entries);
  }
}
