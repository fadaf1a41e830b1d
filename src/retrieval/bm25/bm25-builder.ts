import { DEFAULT_WORDS } from '../../protocol/corpus';
import { englishAnalyzer, type Analyzer } from './analyzers';
import { Bm25Index, type Bm25Parameters } from './bm25-index';
import { GrowingArray } from './growing-array';
import { encodeLength } from './length-code';
import { PostingListsBuilder } from './posting-lists';

/** Tokens whose terms are remembered: past this the memory is emptied, since most tokens of a large corpus come once. */
const MAX_SURFACE = 400_000;

export interface Bm25Options {
  parameters?: Bm25Parameters | undefined;
  analyzer?: Analyzer | undefined;
}

/** Takes documents one by one, in the order that becomes their row numbers. Postings lie coded from the first: about two bytes each. */
export class Bm25Builder {
  readonly #parameters: Bm25Parameters;
  readonly #analyzer: Analyzer;
  readonly #terms: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Tokens as they stand in the text → term number, −1 for stop words: each surface form is analysed once. */
  readonly #surface = new Map<string, number>();
  /** Of each term, by its number. */
  readonly #postings = new PostingListsBuilder();
  readonly #lengths = new GrowingArray(Uint8Array);
  #row = 0;
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
    const data = {
      ...{ parameters: this.#parameters, terms: this.#terms, postings: this.#postings.build() },
      ...{ lengths: this.#lengths.toArray(), totalLength: this.#totalLength },
    };
    return new Bm25Index(data, this.#analyzer);
  }

  #addCounted(counts: ReadonlyMap<number, number>, length: number): void {
    for (const [term, count] of counts) this.#postings.add(term, this.#row, count);
    this.#row++;
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
      number = this.#postings.open();
      this.#terms.push(term);
      this.#numbers.set(term, number);
    }
    return number;
  }
}
