import type { Passage } from '../../protocol/retrieval';
import { contentHash } from '../content-hash';
import type { PassageFile } from '../passage-file';

/** Rows of a corpus by what is in them, title and text; of equal ones the first. */
export class ContentIndex {
  readonly #passages: PassageFile;
  readonly #rows = new Map<number, number>();

  constructor(passages: PassageFile) {
    this.#passages = passages;
  }

  /** The first row with the same title and text, this one if there was none before. */
  add(row: number, passage: Passage): number {
    const hash = contentHash(`${passage.title}\n${passage.text}`);
    const known = this.#rows.get(hash);
    if (known === undefined) {
      this.#rows.set(hash, row);
      return row;
    }
    // Two texts of one hash are both kept: nothing is lost but the saving.
    return same(this.#passages.at(known), passage) ? known : row;
  }

  find(passage: Passage): number | null {
    const row = this.#rows.get(contentHash(`${passage.title}\n${passage.text}`));
    return row !== undefined && same(this.#passages.at(row), passage) ? row : null;
  }
}

const same = (a: Passage | undefined, b: Passage): boolean => a?.title === b.title && a.text === b.text;

/** Of all passages of a corpus. */
export function contentsOf(passages: PassageFile): ContentIndex {
  const index = new ContentIndex(passages);
  let row = 0;
  for (const passage of passages) index.add(row++, passage);
  return index;
}
