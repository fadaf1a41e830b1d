/** Blocks in the memory of WebAssembly: first fit, neighbours joined when they are freed. */
import { AppError } from '../../../protocol/errors';
import type { Memory, Numbers, NumberType, View } from '../memory';

/** Whole cache lines. */
const ALIGNMENT = 64;
const PAGE = 65536;
/** The memory grows by whole steps, since every growth moves it. */
const GROWTH = 16 * PAGE;
/** What 32-bit addresses reach. */
const MOST_BYTES = 65536 * PAGE;

interface Gap {
  address: number;
  bytes: number;
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

class HeapView<T extends Numbers> implements View<T> {
  readonly #heap: Heap;
  readonly #type: NumberType<T>;
  readonly #count: number;
  readonly #address: number;
  readonly #bytes: number;
  #array: T;
  #freed = false;

  constructor(heap: Heap, type: NumberType<T>, count: number, { address, bytes }: Gap) {
    this.#heap = heap;
    this.#type = type;
    this.#count = count;
    this.#address = address;
    this.#bytes = bytes;
    this.#array = new type(heap.memory.buffer, address, count);
  }

  get array(): T {
    // A buffer that has moved leaves empty arrays behind.
    if (this.#array.length !== this.#count) {
      this.#array = new this.#type(this.#heap.memory.buffer, this.address, this.#count);
    }
    return this.#array;
  }

  get address(): number {
    // Others may live here by now.
    if (this.#freed) throw new AppError('INTERNAL', 'A tensor was used after it had been disposed of.');
    return this.#address;
  }

  free(): void {
    if (this.#freed) return;
    this.#heap.release({ address: this.#address, bytes: this.#bytes });
    this.#freed = true;
    this.#array = new this.#type(0);
  }
}

export class Heap implements Memory {
  /** Ascending, none beside another. */
  readonly #gaps: Gap[] = [];
  /** Everything from here on has never been given out, and is zero. */
  #clean = 0;

  constructor(readonly memory: WebAssembly.Memory) {
    // Nothing lies at 0, which stands for nothing.
    this.#gaps.push({ address: ALIGNMENT, bytes: memory.buffer.byteLength - ALIGNMENT });
  }

  allocate<T extends Numbers>(type: NumberType<T>, count: number): View<T> {
    const bytes = roundUp(Math.max(1, count * type.BYTES_PER_ELEMENT), ALIGNMENT);
    const at = this.#gaps.findIndex((candidate) => candidate.bytes >= bytes);
    const gap = this.#gaps[at] ?? this.#grow(bytes);
    const { address } = gap;
    gap.address += bytes;
    gap.bytes -= bytes;
    if (gap.bytes === 0) this.#gaps.splice(this.#gaps.indexOf(gap), 1);
    const dirty = Math.min(this.#clean, address + bytes) - address;
    if (dirty > 0) new Uint8Array(this.memory.buffer, address, dirty).fill(0);
    this.#clean = Math.max(this.#clean, address + bytes);
    return new HeapView(this, type, count, { address, bytes });
  }

  release({ address, bytes }: Gap): void {
    const next = this.#gaps.findIndex((gap) => gap.address > address);
    const at = next < 0 ? this.#gaps.length : next;
    const [before, after] = [this.#gaps[at - 1], this.#gaps[at]];
    const touchesBefore = before !== undefined && before.address + before.bytes === address;
    const touchesAfter = after !== undefined && address + bytes === after.address;
    if (touchesBefore) {
      before.bytes += bytes + (touchesAfter ? after.bytes : 0);
      if (touchesAfter) this.#gaps.splice(at, 1);
    } else if (touchesAfter) {
      after.address = address;
      after.bytes += bytes;
    } else {
      this.#gaps.splice(at, 0, { address, bytes });
    }
  }

  /** @returns the last gap, large enough now. @throws RangeError */
  #grow(bytes: number): Gap {
    const end = this.memory.buffer.byteLength;
    const last = this.#gaps.at(-1);
    const open = last && last.address + last.bytes === end ? last : undefined;
    const missing = bytes - (open?.bytes ?? 0);
    const room = MOST_BYTES - end;
    if (missing > room) throw new RangeError('The memory of WebAssembly ends at 4 GiB.');
    const grown = Math.min(room, roundUp(missing, GROWTH));
    this.memory.grow(grown / PAGE);
    if (open) {
      open.bytes += grown;
      return open;
    }
    const gap = { address: end, bytes: grown };
    this.#gaps.push(gap);
    return gap;
  }
}
