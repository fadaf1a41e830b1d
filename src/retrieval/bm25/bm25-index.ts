/**
 * BM25 as Lucene computes it (`BM25Similarity`, in 32-bit arithmetic as there), over postings in typed arrays.
 *
 *   idf   = ln(1 + (N − df + 0.5) / (df + 0.5))
 *   score = idf · tf / (tf + k1 · (1 − b + b · dl / avgdl))       without the factor (k1 + 1)
 *
 * with dl through the one-byte length code, N and avgdl over the documents that have at least one term. A term that occurs
 * twice in the query counts twice. Terms are visited one at a time, every posting is scored: no pruning, nothing approximate.
 */
import { TopKHeap, type TopK } from '../top-k';
import { analyze, normalizeToken, tokenize } from './analyzer';
import { decodeLength, encodeLength } from './length-code';

/** Anserini's and Pyserini's defaults, which s3 uses. */
export const DEFAULT_BM25: Bm25Parameters = { k1: 0.9, b: 0.4 };

export interface Bm25Parameters {
  k1: number;
  b: number;
}

/** Everything of an index; postings of term t lie at `offsets[t]` … `offsets[t + 1]`, rows ascending. */
export interface Bm25Data {
  parameters: Bm25Parameters;
  /** Terms in order of first occurrence; the position is the term's number. */
  terms: readonly string[];
  /** [terms + 1] */
  offsets: Uint32Array;
  /** [postings] */
  rows: Uint32Array;
  /** [postings], at most 65,535. */
  frequencies: Uint16Array;
  /** [documents] through `encodeLength`. */
  lengths: Uint8Array;
  /** Sum of the exact lengths. */
  totalLength: number;
}

const f32 = Math.fround;

class GrowingU32 {
  #data = new Uint32Array(1 << 12);
  length = 0;

  push(value: number): void {
    if (this.length === this.#data.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.length++] = value;
  }

  get view(): Uint32Array {
    return this.#data.subarray(0, this.length);
  }
}

/** Takes documents one by one, in the order that becomes their row numbers. */
export class Bm25Builder {
  readonly #parameters: Bm25Parameters;
  readonly #terms: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Tokens as they stand in the text → term number, −1 for stop words: each surface form is analysed once. */
  readonly #surface = new Map<string, number>();
  readonly #postingTerms = new GrowingU32();
  readonly #postingRows = new GrowingU32();
  readonly #postingFrequencies = new GrowingU32();
  readonly #lengths: number[] = [];
  #totalLength = 0;

  constructor(parameters: Bm25Parameters = DEFAULT_BM25) {
    this.#parameters = parameters;
  }

  add(text: string): void {
    const row = this.#lengths.length;
    const counts = new Map<number, number>();
    let length = 0;
    for (const token of tokenize(text)) {
      const term = this.#termOf(token);
      if (term < 0) continue;
      counts.set(term, (counts.get(term) ?? 0) + 1);
      length++;
    }
    for (const [term, count] of counts) {
      this.#postingTerms.push(term);
      this.#postingRows.push(row);
      this.#postingFrequencies.push(Math.min(count, 0xffff));
    }
    this.#lengths.push(encodeLength(length));
    this.#totalLength += length;
  }

  build(): Bm25Index {
    const terms = this.#postingTerms.view;
    const offsets = new Uint32Array(this.#terms.length + 1);
    for (const term of terms) offsets[term + 1] = (offsets[term + 1] ?? 0) + 1;
    for (let t = 0; t < this.#terms.length; t++) offsets[t + 1] = (offsets[t + 1] ?? 0) + (offsets[t] ?? 0);

    // Documents came in row order, so a stable distribution over the terms leaves every list sorted by row.
    const next = offsets.slice();
    const rows = new Uint32Array(terms.length);
    const frequencies = new Uint16Array(terms.length);
    const fromRows = this.#postingRows.view;
    const fromFrequencies = this.#postingFrequencies.view;
    for (let i = 0; i < terms.length; i++) {
      const term = terms[i] ?? 0;
      const at = next[term] ?? 0;
      next[term] = at + 1;
      rows[at] = fromRows[i] ?? 0;
      frequencies[at] = fromFrequencies[i] ?? 0;
    }
    return new Bm25Index({
      parameters: this.#parameters,
      terms: this.#terms,
      offsets,
      rows,
      frequencies,
      lengths: Uint8Array.from(this.#lengths),
      totalLength: this.#totalLength,
    });
  }

  #termOf(token: string): number {
    const known = this.#surface.get(token);
    if (known !== undefined) return known;
    const term = normalizeToken(token);
    let number = -1;
    if (term !== null) {
      number = this.#numbers.get(term) ?? this.#terms.length;
      if (number === this.#terms.length) {
        this.#terms.push(term);
        this.#numbers.set(term, number);
      }
    }
    this.#surface.set(token, number);
    return number;
  }
}

export class Bm25Index {
  readonly data: Bm25Data;
  readonly #numbers: ReadonlyMap<string, number>;
  /** Documents with at least one term: Lucene's `docCount`. */
  readonly #documents: number;
  /** 1 / (k1 · (1 − b + b · dl / avgdl)) for each of the 256 length codes. */
  readonly #inverseNorms = new Float32Array(256);
  /** Scores of the query at work; all zero between queries. */
  readonly #scores: Float64Array;

  constructor(data: Bm25Data) {
    this.data = data;
    this.#numbers = new Map(data.terms.map((term, number) => [term, number]));
    this.#documents = data.lengths.reduce((n, code) => n + (code > 0 ? 1 : 0), 0);
    this.#scores = new Float64Array(data.lengths.length);
    const k1 = f32(data.parameters.k1);
    const b = f32(data.parameters.b);
    const averageLength = f32(data.totalLength / Math.max(this.#documents, 1));
    for (let code = 0; code < 256; code++) {
      const relative = f32(f32(b * decodeLength(code)) / averageLength);
      this.#inverseNorms[code] = 1 / f32(k1 * f32(f32(1 - b) + relative));
    }
  }

  get count(): number {
    return this.data.lengths.length;
  }

  /** Rows that share at least one term with the query, best first. */
  search(query: string, topK: number): TopK {
    const { offsets, rows, frequencies, lengths } = this.data;
    const scores = this.#scores;
    const touched: number[] = [];
    for (const [term, weight] of this.#weigh(query)) {
      const end = offsets[term + 1] ?? 0;
      for (let i = offsets[term] ?? 0; i < end; i++) {
        const row = rows[i] ?? 0;
        const inverseNorm = this.#inverseNorms[lengths[row] ?? 0] ?? 0;
        const saturated = f32(1 + f32((frequencies[i] ?? 0) * inverseNorm));
        const before = scores[row] ?? 0;
        if (before === 0) touched.push(row);
        scores[row] = before + f32(weight - f32(weight / saturated));
      }
    }
    const best = new TopKHeap(Math.min(topK, touched.length));
    for (const row of touched) {
      best.push(row, f32(scores[row] ?? 0));
      scores[row] = 0;
    }
    return best.take();
  }

  /** Term number → idf times its count in the query. */
  #weigh(query: string): Map<number, number> {
    const weights = new Map<number, number>();
    const counts = new Map<number, number>();
    for (const term of analyze(query)) {
      const number = this.#numbers.get(term);
      if (number !== undefined) counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    for (const [term, count] of counts) {
      const df = (this.data.offsets[term + 1] ?? 0) - (this.data.offsets[term] ?? 0);
      weights.set(term, f32(count * f32(Math.log(1 + (this.#documents - df + 0.5) / (df + 0.5)))));
    }
    return weights;
  }
}
