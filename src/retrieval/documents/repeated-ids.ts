/**
 * Ids that come again get a number: the second "a" is kept as "a~2", the third as "a~3". A passage that has been there under the same id, with
 * the same title and text, is no other passage, and is left out. Which is which follows from the order of the rows alone.
 *
 * Texts are told apart by their length and 53 bits of a hash: that two of one id are taken for the same, and are not, has to be feared once in
 * 10^16 repeats.
 */
import type { RepeatedRows } from '../../protocol/corpus';
import type { Passage } from '../../protocol/retrieval';
import { contentHash } from '../content-hash';

interface Repeats {
  /** Of what was kept under the id, numbered or not. */
  hashes: Set<string>;
  /** The last number given. */
  last: number;
}

interface Placed {
  /** As it came, and as it was kept. */
  base: string;
  id: string;
  hash: string;
}

const hashOf = ({ title, text }: Passage): string =>
  `${title.length + text.length}:${contentHash(`${title}\n${text}`)}`;

export class RepeatedIds {
  /** Of everything that was kept. */
  readonly #hashes = new Map<string, string>();
  readonly #repeats = new Map<string, Repeats>();
  #numbered = 0;
  #dropped = 0;
  /** Of the file that is being read. */
  #placed: Placed[] = [];
  #before: RepeatedRows = { numbered: 0, dropped: 0 };

  /** Undefined where there were none. */
  get counts(): RepeatedRows | undefined {
    const [numbered, dropped] = [this.#numbered, this.#dropped];
    return numbered + dropped > 0 ? { numbered, dropped } : undefined;
  }

  /** From here on `forget` takes back. */
  mark(): void {
    this.#placed = [];
    this.#before = { numbered: this.#numbered, dropped: this.#dropped };
  }

  /** What came since `mark` was not taken. */
  forget(): void {
    for (const { base, id, hash } of this.#placed) {
      this.#hashes.delete(id);
      if (id === base) this.#repeats.delete(base);
      else this.#repeats.get(base)?.hashes.delete(hash);
    }
    ({ numbered: this.#numbered, dropped: this.#dropped } = this.#before);
    this.mark();
  }

  /** The passage as it is kept; `null` where it has been there. */
  place(passage: Passage): Passage | null {
    const hash = hashOf(passage);
    const { id: base } = passage;
    const first = this.#hashes.get(base);
    if (first === undefined) {
      this.#keep({ base, id: base, hash });
      return passage;
    }
    const repeats = this.#repeats.get(base) ?? { hashes: new Set([first]), last: 1 };
    this.#repeats.set(base, repeats);
    if (repeats.hashes.has(hash)) {
      this.#dropped++;
      return null;
    }
    let id: string;
    // A row may have an id that looks numbered.
    do id = `${base}~${++repeats.last}`;
    while (this.#hashes.has(id));
    repeats.hashes.add(hash);
    this.#keep({ base, id, hash });
    this.#numbered++;
    return { ...passage, id };
  }

  #keep(placed: Placed): void {
    this.#hashes.set(placed.id, placed.hash);
    this.#placed.push(placed);
  }
}
