/**
 * Many lists of bytes that grow side by side in one pool, as Lucene keeps postings while it inverts documents (`ByteBlockPool`): a list is a chain of
 * slices, each with room for twice as much as the one before, and at its end the address of the next. Nothing is moved or copied to make room.
 */
const BLOCK_BITS = 16;
const BLOCK_BYTES = 1 << BLOCK_BITS;
const FIRST_ROOM = 4;
const LAST_LEVEL = 9;
const LINK_BYTES = 4;

const roomAt = (level: number): number => FIRST_ROOM << level;

/** The same numbers with room for more. */
export function enlarged<T extends Uint32Array | Uint8Array>(numbers: T, type: new (length: number) => T): T {
  const larger = new type(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

export class ByteLists {
  readonly #blocks: Uint8Array[] = [];
  /** Of the last block. */
  #used = BLOCK_BYTES;
  /** Of each list: where it begins, where its next byte goes, where the slice that this lies in ends, and the how manieth that is. */
  #starts = new Uint32Array(64);
  #cursors = new Uint32Array(64);
  #ends = new Uint32Array(64);
  #levels = new Uint8Array(64);
  count = 0;
  /** Of all lists, without what the pool itself takes. */
  bytes = 0;

  /** A new list, which is empty; its number is how many there were. */
  open(): number {
    const list = this.count++;
    if (list === this.#starts.length) {
      this.#starts = enlarged(this.#starts, Uint32Array);
      this.#cursors = enlarged(this.#cursors, Uint32Array);
      this.#ends = enlarged(this.#ends, Uint32Array);
      this.#levels = enlarged(this.#levels, Uint8Array);
    }
    const start = this.#allocate(roomAt(0));
    this.#starts[list] = this.#cursors[list] = start;
    this.#ends[list] = start + roomAt(0);
    return list;
  }

  push(list: number, byte: number): void {
    let at = this.#cursors[list] ?? 0;
    if (at === this.#ends[list]) at = this.#extend(list);
    const block = this.#blocks[at >>> BLOCK_BITS];
    if (block) block[at & (BLOCK_BYTES - 1)] = byte;
    this.#cursors[list] = at + 1;
    this.bytes++;
  }

  /** Writes a list from `at` on; returns where it ends there. */
  copy(list: number, to: Uint8Array, at: number): number {
    let [slice, level, into] = [this.#starts[list] ?? 0, 0, at];
    for (;;) {
      const end = slice + roomAt(level);
      const block = this.#blocks[slice >>> BLOCK_BITS] ?? to;
      const from = slice & (BLOCK_BYTES - 1);
      const isLast = end === this.#ends[list];
      const bytes = (isLast ? (this.#cursors[list] ?? 0) : end) - slice;
      to.set(block.subarray(from, from + bytes), into);
      into += bytes;
      if (isLast) return into;
      slice = linkAt(block, from + bytes);
      level = Math.min(level + 1, LAST_LEVEL);
    }
  }

  #extend(list: number): number {
    const level = Math.min((this.#levels[list] ?? 0) + 1, LAST_LEVEL);
    const slice = this.#allocate(roomAt(level));
    const link = this.#ends[list] ?? 0;
    const block = this.#blocks[link >>> BLOCK_BITS];
    if (block) setLink(block, link & (BLOCK_BYTES - 1), slice);
    this.#levels[list] = level;
    this.#ends[list] = slice + roomAt(level);
    return slice;
  }

  /** Room for so many bytes and a link; never over the end of a block. */
  #allocate(bytes: number): number {
    if (this.#used + bytes + LINK_BYTES > BLOCK_BYTES) {
      this.#blocks.push(new Uint8Array(BLOCK_BYTES));
      this.#used = 0;
    }
    const at = (this.#blocks.length - 1) * BLOCK_BYTES + this.#used;
    this.#used += bytes + LINK_BYTES;
    return at;
  }
}

function setLink(block: Uint8Array, at: number, address: number): void {
  for (let i = 0; i < LINK_BYTES; i++) block[at + i] = address >>> (8 * i);
}

function linkAt(block: Uint8Array, at: number): number {
  let address = 0;
  for (let i = 0; i < LINK_BYTES; i++) address += (block[at + i] ?? 0) * 2 ** (8 * i);
  return address;
}
