/** Whole numbers below 2³² with seven bits a byte, the lowest first; the highest bit says that more come. */

/** The bit that says that more come. */
const MORE = 0x80;

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
    const bytes = this.#bytes;
    let at = this.at;
    let byte = bytes[at++] ?? MORE;
    let value = byte & 0x7f;
    // Most are one byte or two; a sum, since shifts end at 32 bits.
    for (let unit = 128; byte >= MORE && unit <= 2 ** 28 && at < bytes.length; unit *= 128) {
      byte = bytes[at++] ?? MORE;
      value += (byte & 0x7f) * unit;
    }
    this.at = at;
    if (byte < MORE && value <= 0xffffffff) return value;
    throw new RangeError('a number is cut short or too large');
  }
}
