import { Bm25Builder } from './bm25-builder';
import type { Bm25Index } from './bm25-index';

/**
 * The index after documents were added, deleted, changed or moved: row i of the new one is either a row of the old or a new text. Only
 * new texts are analysed; every number of the result is that of an index built afresh, so that nothing has to be compacted later.
 */
export function rebuildBm25(old: Bm25Index, rows: Iterable<number | string>): Bm25Index {
  const rebuilder = new Bm25Rebuilder(old);
  for (const row of rows) rebuilder.add(row);
  return rebuilder.build();
}

/** The same for rows that come one by one. */
export class Bm25Rebuilder {
  readonly #builder: Bm25Builder;
  readonly #documents: ReturnType<typeof byDocument>;

  constructor(old: Bm25Index) {
    this.#builder = new Bm25Builder({ parameters: old.data.parameters, analyzer: old.analyzer });
    this.#documents = byDocument(old);
  }

  add(row: number | string): void {
    if (typeof row === 'string') this.#builder.add(row);
    else this.#builder.addTerms(this.#documents(row));
  }

  build(): Bm25Index {
    return this.#builder.build();
  }
}

/** The postings turned round: the terms of a row. */
function byDocument({ data, count }: Bm25Index): (row: number) => Iterable<[string, number]> {
  const { postings } = data;
  const starts = new Uint32Array(count + 1);
  for (let term = 0; term < data.terms.length; term++) {
    for (const cursor = postings.open(term); cursor.next();) {
      starts[cursor.row + 1] = (starts[cursor.row + 1] ?? 0) + 1;
    }
  }
  for (let row = 0; row < count; row++) starts[row + 1] = (starts[row + 1] ?? 0) + (starts[row] ?? 0);
  const next = starts.slice();
  const terms = new Uint32Array(starts[count] ?? 0);
  const frequencies = new Uint16Array(terms.length);
  for (let term = 0; term < data.terms.length; term++) {
    for (const cursor = postings.open(term); cursor.next();) {
      const at = next[cursor.row] ?? 0;
      next[cursor.row] = at + 1;
      terms[at] = term;
      frequencies[at] = cursor.frequency;
    }
  }
  return function* (row) {
    for (let i = starts[row] ?? 0; i < (starts[row + 1] ?? 0); i++) {
      yield [data.terms[terms[i] ?? 0] ?? '', frequencies[i] ?? 0];
    }
  };
}
