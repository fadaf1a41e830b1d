type Words = Uint32Array | Uint16Array | Uint8Array;

const CHUNK = 1 << 18;

/** Numbers that come one by one, in pieces of a fixed size: what has come is never copied to make room. */
export class GrowingArray<T extends Words> {
  readonly #type: new (length: number) => T;
  readonly #chunks: T[] = [];
  #last: T;
  #at = 0;

  constructor(type: new (length: number) => T) {
    this.#type = type;
    this.#last = new type(1 << 10);
    this.#chunks.push(this.#last);
  }

  get length(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0) - this.#last.length + this.#at;
  }

  push(value: number): void {
    if (this.#at === this.#last.length) {
      this.#last = new this.#type(CHUNK);
      this.#chunks.push(this.#last);
      this.#at = 0;
    }
    this.#last[this.#at++] = value;
  }

  /** Forgets what comes after so many. */
  truncate(length: number): void {
    let rest = length;
    const kept: T[] = [];
    for (const chunk of this.#chunks) {
      if (rest <= 0 && kept.length > 0) break;
      kept.push(chunk);
      this.#at = Math.min(rest, chunk.length);
      this.#last = chunk;
      rest -= chunk.length;
    }
    this.#chunks.splice(0, this.#chunks.length, ...kept);
  }

  *[Symbol.iterator](): Generator<number> {
    for (const chunk of this.#chunks) {
      const end = chunk === this.#last ? this.#at : chunk.length;
      for (let i = 0; i < end; i++) yield chunk[i] ?? 0;
    }
  }

  /** In one piece. */
  toArray(): T {
    const whole = new this.#type(this.length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      const part = chunk === this.#last ? chunk.subarray(0, this.#at) : chunk;
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }
}
