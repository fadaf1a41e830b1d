import { DEFAULT_WORDS } from '../../protocol/corpus';
import { englishAnalyzer, type Analyzer } from './analyzers';
import { Bm25Index, type Bm25Parameters } from './bm25-index';
import { GrowingArray } from './growing-array';
import { encodeLength } from './length-code';

/** Tokens whose terms are remembered: past this the memory is emptied, since most tokens of a large corpus come once. */
const MAX_SURFACE = 400_000;
const MAX_FREQUENCY = 0xffff;

export interface Bm25Options {
  parameters?: Bm25Parameters | undefined;
  analyzer?: Analyzer | undefined;
}

/** Takes documents one by one, in the order that becomes their row numbers. Six bytes a posting until it is built. */
export class Bm25Builder {
  readonly #parameters: Bm25Parameters;
  readonly #analyzer: Analyzer;
  readonly #terms: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Tokens as they stand in the text → term number, −1 for stop words: each surface form is analysed once. */
  readonly #surface = new Map<string, number>();
  /** Of the documents one after the other; `#distinct` says how many belong to each. */
  readonly #postingTerms = new GrowingArray(Uint32Array);
  readonly #postingFrequencies = new GrowingArray(Uint16Array);
  readonly #distinct = new GrowingArray(Uint32Array);
  readonly #lengths = new GrowingArray(Uint8Array);
  #totalLength = 0;

  constructor({ parameters = DEFAULT_WORDS, analyzer = englishAnalyzer }: Bm25Options = {}) {
    this.#parameters = { k1: parameters.k1, b: parameters.b };
    this.#analyzer = analyzer;
  }

  add(text: string): void {
    const counts = new Map<number, number>();
    let length = 0;
    for (const token of this.#analyzer.tokens(text)) {
      const term = this.#termOf(token);
      if (term < 0) continue;
      counts.set(term, (counts.get(term) ?? 0) + 1);
      length++;
    }
    this.#addCounted(counts, length);
  }

  /** A document whose terms are known: term → how often. */
  addTerms(terms: Iterable<readonly [term: string, count: number]>): void {
    const counts = new Map<number, number>();
    let length = 0;
    for (const [term, count] of terms) {
      counts.set(this.#numberOf(term), count);
      length += count;
    }
    this.#addCounted(counts, length);
  }

  build(): Bm25Index {
    const count = this.#terms.length;
    const offsets = new Uint32Array(count + 1);
    for (const term of this.#postingTerms) offsets[term + 1] = (offsets[term + 1] ?? 0) + 1;
    for (let t = 0; t < count; t++) offsets[t + 1] = (offsets[t + 1] ?? 0) + (offsets[t] ?? 0);

    // Documents came in row order, so a stable distribution over the terms leaves every list sorted by row.
    const next = offsets.slice();
    const postings = offsets[count] ?? 0;
    const rows = new Uint32Array(postings);
    const frequencies = new Uint16Array(postings);
    const terms = this.#postingTerms[Symbol.iterator]();
    const counts = this.#postingFrequencies[Symbol.iterator]();
    let row = 0;
    for (const distinct of this.#distinct) {
      for (let i = 0; i < distinct; i++) {
        const term = Number(terms.next().value);
        const at = next[term] ?? 0;
        next[term] = at + 1;
        rows[at] = row;
        frequencies[at] = Number(counts.next().value);
      }
      row++;
    }
    const data = {
      ...{ parameters: this.#parameters, terms: this.#terms, offsets, rows, frequencies },
      ...{ lengths: this.#lengths.toArray(), totalLength: this.#totalLength },
    };
    return new Bm25Index(data, this.#analyzer);
  }

  #addCounted(counts: ReadonlyMap<number, number>, length: number): void {
    for (const [term, count] of counts) {
      this.#postingTerms.push(term);
      this.#postingFrequencies.push(Math.min(count, MAX_FREQUENCY));
    }
    this.#distinct.push(counts.size);
    this.#lengths.push(encodeLength(length));
    this.#totalLength += length;
  }

  #termOf(token: string): number {
    const known = this.#surface.get(token);
    if (known !== undefined) return known;
    const term = this.#analyzer.term(token);
    const number = term === null ? -1 : this.#numberOf(term);
    if (this.#surface.size >= MAX_SURFACE) this.#surface.clear();
    this.#surface.set(token, number);
    return number;
  }

  #numberOf(term: string): number {
    let number = this.#numbers.get(term);
    if (number === undefined) {
      number = this.#terms.length;
      this.#terms.push(term);
      this.#numbers.set(term, number);
    }
    return number;
  }
}
