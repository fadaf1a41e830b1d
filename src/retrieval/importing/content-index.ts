import type { Passage } from '../../protocol/retrieval';
import { contentHash } from '../content-hash';
import type { CorpusPassages } from '../open-passages';

/** Rows of a corpus by what is in them, title and text; of equal ones the first. Only their hashes are held. */
export class ContentIndex {
  readonly #passages: CorpusPassages;
  readonly #rows = new Map<number, number>();

  constructor(passages: CorpusPassages) {
    this.#passages = passages;
  }

  /** The first row with the same title and text, this one if there was none before. A promise where another must be read to see that. */
  add(row: number, passage: Passage): number | Promise<number> {
    const hash = hashOf(passage);
    const known = this.#rows.get(hash);
    if (known === undefined) {
      this.#rows.set(hash, row);
      return row;
    }
    // Two texts of one hash are both kept: nothing is lost but the saving.
    return this.#passages.fetch([known]).then((found) => (same(found.get(known), passage) ? known : row));
  }

  /** Of each, the row with the same title and text; `null` where there is none. */
  async find(passages: readonly Passage[], signal?: AbortSignal): Promise<(number | null)[]> {
    const rows = passages.map((passage) => this.#rows.get(hashOf(passage)));
    const found = await this.#passages.fetch(new Set(rows.filter((row) => row !== undefined)), signal);
    return passages.map((passage, i) => {
      const row = rows[i];
      return row !== undefined && same(found.get(row), passage) ? row : null;
    });
  }
}

const hashOf = ({ title, text }: Passage): number => contentHash(`${title}\n${text}`);
const same = (a: Passage | undefined, b: Passage): boolean => a?.title === b.title && a.text === b.text;

/** Of all passages of a corpus. */
export async function contentsOf(passages: CorpusPassages, signal?: AbortSignal): Promise<ContentIndex> {
  const index = new ContentIndex(passages);
  let row = 0;
  for await (const batch of passages.batches(signal))
    for (const passage of batch) await index.add(row++, passage);
  return index;
}
