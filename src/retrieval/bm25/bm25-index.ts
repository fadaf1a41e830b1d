/**
 * BM25 as Lucene computes it (`BM25Similarity`, in 32-bit arithmetic as there), over postings as they lie on the disk.
 *
 *   idf   = ln(1 + (N − df + 0.5) / (df + 0.5))
 *   score = idf · tf / (tf + k1 · (1 − b + b · dl / avgdl))       without the factor (k1 + 1)
 *
 * with dl through the one-byte length code, N and avgdl over the documents that have at least one term. A term that occurs
 * twice in the query counts twice. Terms are visited one at a time, every posting is scored: no pruning, nothing approximate.
 */
import { AppError } from '../../protocol/errors';
import { DEFAULT_WORDS } from '../../protocol/corpus';
import { TopKHeap, type TopK } from '../top-k';
import { englishAnalyzer, termsOf, type Analyzer } from './analyzers';
import { decodeLength } from './length-code';
import type { PostingLists } from './posting-lists';

/** Anserini's and Pyserini's defaults, which s3 uses. */
export const DEFAULT_BM25: Bm25Parameters = { k1: DEFAULT_WORDS.k1, b: DEFAULT_WORDS.b };

export interface Bm25Parameters {
  k1: number;
  b: number;
}

/** Throws `BAD_INPUT`. At k1 = 0 a word counts once however often it comes; at b = 0 lengths play no part. */
export function requireParameters({ k1, b }: Bm25Parameters): void {
  if (k1 >= 0 && Number.isFinite(k1) && b >= 0 && b <= 1) return;
  throw new AppError('BAD_INPUT', `BM25 cannot be computed with k1 = ${k1} and b = ${b}.`, {
    fix: 'Give a k1 of at least 0 (0.9 is usual) and a b from 0 to 1 (0.4).',
  });
}

/** Everything of an index. */
export interface Bm25Data {
  parameters: Bm25Parameters;
  /** Terms in order of first occurrence; the position is the term's number. */
  terms: readonly string[];
  /** A list of each term, its rows below the number of documents. */
  postings: PostingLists;
  /** [documents] through `encodeLength`. */
  lengths: Uint8Array;
  /** Sum of the exact lengths. */
  totalLength: number;
}

/** What scores depend on beside the document: of one index, or of several that are searched as one. */
export interface Bm25Statistics {
  /** Documents with at least one term: Lucene's `docCount`. */
  documents: number;
  /** Sum of their lengths. */
  totalLength: number;
  /** Documents that have the term. */
  documentFrequency(term: string): number;
}

const f32 = Math.fround;
/** Of a row that shares no term with the query; one that does may have a score of 0. */
const NONE = -1;
/** A word with its entry in the table, in the engines of today. */
const TERM_BYTES = 72;

export class Bm25Index implements Bm25Statistics {
  readonly data: Bm25Data;
  readonly analyzer: Analyzer;
  readonly documents: number;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #ownNorms: Float32Array;
  /** Scores of the query at work; all `NONE` between queries. */
  readonly #scores: Float64Array;
  /** Rows that have one. */
  readonly #touched: Uint32Array;

  constructor(data: Bm25Data, analyzer: Analyzer = englishAnalyzer) {
    requireParameters(data.parameters);
    this.data = data;
    this.analyzer = analyzer;
    this.#numbers = new Map(data.terms.map((term, number) => [term, number]));
    this.documents = data.lengths.reduce((n, code) => n + (code > 0 ? 1 : 0), 0);
    this.#scores = new Float64Array(data.lengths.length).fill(NONE);
    this.#touched = new Uint32Array(data.lengths.length);
    this.#ownNorms = this.#inverseNorms(this);
  }

  get count(): number {
    return this.data.lengths.length;
  }

  get totalLength(): number {
    return this.data.totalLength;
  }

  /** Held in memory, the words and their table by estimate. */
  get memoryBytes(): number {
    const { postings, lengths, terms } = this.data;
    const lists = [lengths, this.#ownNorms, this.#scores, this.#touched];
    const own = lists.reduce((sum, list) => sum + list.byteLength, 0);
    return own + postings.memoryBytes + TERM_BYTES * terms.length;
  }

  documentFrequency(term: string): number {
    const number = this.#numbers.get(term);
    return number === undefined ? 0 : this.#frequencyOf(number);
  }

  /** The same postings with other k1 and b. */
  with(parameters: Partial<Bm25Parameters>): Bm25Index {
    return new Bm25Index(
      { ...this.data, parameters: { ...this.data.parameters, ...parameters } },
      this.analyzer,
    );
  }

  /** Rows that share at least one term with the query, best first. `statistics`: of all that is searched with it. */
  search(query: string, topK: number, statistics: Bm25Statistics = this): TopK {
    const { postings, lengths } = this.data;
    const inverseNorms = statistics === this ? this.#ownNorms : this.#inverseNorms(statistics);
    const scores = this.#scores;
    const touched = this.#touched;
    let count = 0;
    for (const [term, weight] of this.#weigh(query, statistics)) {
      for (const cursor = postings.open(term); cursor.next();) {
        const { row } = cursor;
        const inverseNorm = inverseNorms[lengths[row] ?? 0] ?? 0;
        const saturated = f32(1 + f32(cursor.frequency * inverseNorm));
        let before = scores[row] ?? NONE;
        if (before === NONE) {
          before = 0;
          touched[count++] = row;
        }
        scores[row] = before + f32(weight - f32(weight / saturated));
      }
    }
    const best = new TopKHeap(Math.min(topK, count));
    for (const row of touched.subarray(0, count)) {
      best.push(row, f32(scores[row] ?? 0));
      scores[row] = NONE;
    }
    return best.take();
  }

  #frequencyOf(number: number): number {
    return this.data.postings.lengths[number] ?? 0;
  }

  /** 1 / (k1 · (1 − b + b · dl / avgdl)) for each of the 256 length codes. */
  #inverseNorms({ documents, totalLength }: Bm25Statistics): Float32Array {
    const norms = new Float32Array(256);
    const k1 = f32(this.data.parameters.k1);
    const b = f32(this.data.parameters.b);
    const averageLength = f32(totalLength / Math.max(documents, 1));
    for (let code = 0; code < 256; code++) {
      const relative = f32(f32(b * decodeLength(code)) / averageLength);
      norms[code] = 1 / f32(k1 * f32(f32(1 - b) + relative));
    }
    return norms;
  }

  /** Term number → idf times its count in the query. */
  #weigh(query: string, statistics: Bm25Statistics): Map<number, number> {
    const weights = new Map<number, number>();
    const counts = new Map<number, number>();
    for (const term of termsOf(this.analyzer, query)) {
      const number = this.#numbers.get(term);
      if (number !== undefined) counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    for (const [number, count] of counts) {
      const df =
        statistics === this
          ? this.#frequencyOf(number)
          : statistics.documentFrequency(this.data.terms[number] ?? '');
      const idf = f32(Math.log(1 + (statistics.documents - df + 0.5) / (df + 0.5)));
      weights.set(number, f32(count * idf));
    }
    return weights;
  }
}

/** Several indexes as one: rankings over them are those of a single index of all their documents. */
export const joinStatistics = (indexes: readonly Bm25Statistics[]): Bm25Statistics => ({
  documents: indexes.reduce((sum, { documents }) => sum + documents, 0),
  totalLength: indexes.reduce((sum, { totalLength }) => sum + totalLength, 0),
  documentFrequency: (term) => indexes.reduce((sum, index) => sum + index.documentFrequency(term), 0),
});
