/**
 * The postings of an index as they lie on the disk, where they take a quarter of what plain numbers would: lists are read as they are scored. A list of
 * rows with frequencies is, for each posting,
 *
 *   varint(2 · gap + (frequency > 1)), then varint(frequency) where it is above 1
 *
 * with gap = row − row before − 1 (the row itself for the first). Varints have seven bits a byte, the lowest first. About 1.5 bytes a posting for
 * passages of 100 words.
 */
import { ByteLists, enlarged } from './byte-lists';
import { ByteReader, ByteWriter } from './varints';

export const MAX_FREQUENCY = 0xffff;

/** Of version 1 of the file: postings of list t lie at `offsets[t]` … `offsets[t + 1]`. */
export interface PlainPostings {
  /** [terms + 1] */
  offsets: Uint32Array;
  /** Ascending within a list, below 2³¹. */
  rows: Uint32Array;
  /** 1 … 65,535 */
  frequencies: Uint16Array;
}

/** `table`: of each list its length and its bytes, as varints; `postings`: the lists one after the other. */
export interface CodedPostings {
  table: Uint8Array<ArrayBuffer>;
  postings: Uint8Array<ArrayBuffer>;
}

/** The postings of one list, in order: `row` and `frequency` are those of the last `next` that was true. */
export class PostingCursor {
  row = -1;
  frequency = 0;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  next(): boolean {
    if (this.#at >= this.#end) return false;
    const code = this.#varint();
    this.row += (code >>> 1) + 1;
    this.frequency = code & 1 ? this.#varint() : 1;
    return true;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] ?? 0;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[this.#at++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return value;
  }
}

export class PostingLists {
  /** [lists] how many postings each has. */
  readonly lengths: Uint32Array;
  /** [lists + 1] where each begins in `bytes`. */
  readonly #starts: Uint32Array;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(lengths: Uint32Array, starts: Uint32Array, bytes: Uint8Array<ArrayBuffer>) {
    this.lengths = lengths;
    this.#starts = starts;
    this.#bytes = bytes;
  }

  get memoryBytes(): number {
    return this.lengths.byteLength + this.#starts.byteLength + this.#bytes.byteLength;
  }

  /** Of all lists. */
  get total(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0);
  }

  open(list: number): PostingCursor {
    return new PostingCursor(this.#bytes, this.#starts[list] ?? 0, this.#starts[list + 1] ?? 0);
  }

  encode(): CodedPostings {
    const table = new ByteWriter();
    for (let list = 0; list < this.lengths.length; list++) {
      table.varint(this.lengths[list] ?? 0);
      table.varint((this.#starts[list + 1] ?? 0) - (this.#starts[list] ?? 0));
    }
    return { table: table.view, postings: this.#bytes };
  }

  /**
   * Every posting is looked at, so that whoever reads them later need not doubt them. Throws `RangeError` where the bytes are not the lists of
   * `terms` terms over `documents` rows; takes no more memory than the bytes can hold postings.
   */
  static decode({ table: coded, postings }: CodedPostings, terms: number, documents: number): PostingLists {
    const lengths = new Uint32Array(terms);
    const starts = new Uint32Array(terms + 1);
    const table = new ByteReader(coded);
    let total = 0;
    let bytes = 0;
    for (let t = 0; t < terms; t++) {
      const length = table.varint();
      lengths[t] = length;
      total += length;
      bytes += table.varint();
      if (total > postings.length) throw new RangeError('there are fewer postings than it says');
      starts[t + 1] = bytes;
    }
    if (!table.done || bytes !== postings.length) throw new RangeError('its lists do not fit');
    const reader = new ByteReader(postings);
    for (let t = 0; t < terms; t++) {
      let row = -1;
      for (let i = lengths[t] ?? 0; i > 0; i--) {
        const code = reader.varint();
        row += Math.floor(code / 2) + 1;
        const frequency = code % 2 === 1 ? reader.varint() : 1;
        if (row >= documents || frequency === 0 || frequency > MAX_FREQUENCY)
          throw new RangeError('a posting is wrong');
      }
      if (reader.at !== starts[t + 1]) throw new RangeError('a list has another length than it says');
    }
    return new PostingLists(lengths, starts, postings);
  }

  /** Throws `RangeError` where the lists do not fit together. */
  static of({ offsets, rows, frequencies }: PlainPostings): PostingLists {
    const builder = new PostingListsBuilder();
    for (let list = 0; list + 1 < offsets.length; list++) {
      const [from = 0, to = 0] = offsets.subarray(list, list + 2);
      if (to < from || to > rows.length || to > frequencies.length)
        throw new RangeError('its lists do not fit');
      builder.open();
      for (let i = from; i < to; i++) builder.add(list, rows[i] ?? 0, frequencies[i] ?? 0);
    }
    return builder.build();
  }
}

/** Takes postings of any list, rows ascending within each. */
export class PostingListsBuilder {
  readonly #lists = new ByteLists();
  #lengths = new Uint32Array(64);
  /** After the last row of each list. */
  #nexts = new Uint32Array(64);

  /** A new list; its number is how many there were. */
  open(): number {
    const list = this.#lists.open();
    if (list === this.#lengths.length) {
      this.#lengths = enlarged(this.#lengths, Uint32Array);
      this.#nexts = enlarged(this.#nexts, Uint32Array);
    }
    return list;
  }

  /** `frequency`: at least 1; what is above 65,535 counts as that. Throws `RangeError` for a row that comes after a later one. */
  add(list: number, row: number, frequency: number): void {
    const gap = row - (this.#nexts[list] ?? 0);
    if (gap < 0 || frequency < 1) throw new RangeError('a posting is wrong');
    this.#varint(list, gap * 2 + (frequency > 1 ? 1 : 0));
    if (frequency > 1) this.#varint(list, Math.min(frequency, MAX_FREQUENCY));
    this.#nexts[list] = row + 1;
    this.#lengths[list] = (this.#lengths[list] ?? 0) + 1;
  }

  build(): PostingLists {
    const { count, bytes } = this.#lists;
    const postings = new Uint8Array(bytes);
    const starts = new Uint32Array(count + 1);
    let at = 0;
    for (let list = 0; list < count; list++) {
      at = this.#lists.copy(list, postings, at);
      starts[list + 1] = at;
    }
    return new PostingLists(this.#lengths.slice(0, count), starts, postings);
  }

  #varint(list: number, value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#lists.push(list, (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#lists.push(list, rest);
  }
}
