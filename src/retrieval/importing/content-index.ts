import type { Passage } from '../../protocol/retrieval';
import type { PassageFile } from '../passage-file';

/** 53 bits of a text (two rounds of a multiplicative hash, as in cyrb53): finds candidates, which are then compared. */
function hashOf(text: string): number {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (low & 0x1fffff) * 2 ** 32 + (high >>> 0);
}

/** Rows of a corpus by what is in them, title and text; of equal ones the first. */
export class ContentIndex {
  readonly #passages: PassageFile;
  readonly #rows = new Map<number, number>();

  constructor(passages: PassageFile) {
    this.#passages = passages;
  }

  /** The first row with the same title and text, this one if there was none before. */
  add(row: number, passage: Passage): number {
    const hash = hashOf(`${passage.title}\n${passage.text}`);
    const known = this.#rows.get(hash);
    if (known === undefined) {
      this.#rows.set(hash, row);
      return row;
    }
    // Two texts of one hash are both kept: nothing is lost but the saving.
    return same(this.#passages.at(known), passage) ? known : row;
  }

  find(passage: Passage): number | null {
    const row = this.#rows.get(hashOf(`${passage.title}\n${passage.text}`));
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
