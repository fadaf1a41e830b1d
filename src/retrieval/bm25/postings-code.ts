/**
 * Postings on disk. A list of rows with frequencies is written as, for each posting,
 *
 *   varint(2 · gap + (frequency > 1)), then varint(frequency) where it is above 1
 *
 * with gap = row − row before − 1 (the row itself for the first). Varints have seven bits a byte, the lowest first. About 1.5 bytes a posting for
 * passages of 100 words.
 */

/** Bytes that grow by doubling. */
export class ByteWriter {
  #bytes = new Uint8Array(1 << 12);
  length = 0;

  /** A whole number in [0, 2³²). */
  varint(value: number): void {
    if (this.length + 5 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.length++] = rest;
  }

  get view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** Throws `RangeError` past the end, and where the number is not below 2³². */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw new RangeError('a number is cut short or too large');
  }
}

interface Lists {
  /** [terms + 1]: list t is at `offsets[t]` … `offsets[t + 1]`. */
  offsets: Uint32Array;
  /** Ascending within a list, below 2³¹. */
  rows: Uint32Array;
  frequencies: Uint16Array;
}

/** `table`: of each list its length and its bytes, as varints; `postings`: the lists one after the other. */
export interface CodedPostings {
  table: Uint8Array<ArrayBuffer>;
  postings: Uint8Array<ArrayBuffer>;
}

export function encodePostings({ offsets, rows, frequencies }: Lists): CodedPostings {
  const table = new ByteWriter();
  const postings = new ByteWriter();
  for (let t = 0; t + 1 < offsets.length; t++) {
    const start = offsets[t] ?? 0;
    const end = offsets[t + 1] ?? 0;
    const from = postings.length;
    let before = -1;
    for (let i = start; i < end; i++) {
      const row = rows[i] ?? 0;
      const frequency = frequencies[i] ?? 1;
      postings.varint((row - before - 1) * 2 + (frequency > 1 ? 1 : 0));
      if (frequency > 1) postings.varint(frequency);
      before = row;
    }
    table.varint(end - start);
    table.varint(postings.length - from);
  }
  return { table: table.view, postings: postings.view };
}

/**
 * Throws `RangeError` where the bytes are not the lists of `terms` terms over `documents` rows; takes no more memory than the bytes can
 * hold postings.
 */
export function decodePostings(coded: CodedPostings, terms: number, documents: number): Lists {
  const offsets = new Uint32Array(terms + 1);
  const ends = new Float64Array(terms);
  const table = new ByteReader(coded.table);
  let total = 0;
  let bytes = 0;
  for (let t = 0; t < terms; t++) {
    total += table.varint();
    bytes += table.varint();
    if (total > coded.postings.length) throw new RangeError('there are fewer postings than it says');
    offsets[t + 1] = total;
    ends[t] = bytes;
  }
  if (!table.done || bytes !== coded.postings.length) throw new RangeError('its lists do not fit');
  const rows = new Uint32Array(total);
  const frequencies = new Uint16Array(total);
  const reader = new ByteReader(coded.postings);
  for (let t = 0; t < terms; t++) {
    let row = -1;
    const end = offsets[t + 1] ?? 0;
    for (let i = offsets[t] ?? 0; i < end; i++) {
      const code = reader.varint();
      row += Math.floor(code / 2) + 1;
      const frequency = code % 2 === 1 ? reader.varint() : 1;
      if (row >= documents || frequency === 0 || frequency > 0xffff)
        throw new RangeError('a posting is wrong');
      rows[i] = row;
      frequencies[i] = frequency;
    }
    if (reader.at !== ends[t]) throw new RangeError('a list has another length than it says');
  }
  return { offsets, rows, frequencies };
}
