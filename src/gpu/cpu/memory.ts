/** Where the CPU backend's numbers lie: in arrays of their own, or side by side in the memory of WebAssembly. */

export type Numbers = Float32Array | Uint32Array | Uint16Array | Uint8Array;

/** Numbers of one tensor, or scratch. */
export interface View<T extends Numbers = Numbers> {
  /**
   * To be looked up anew in every operation, and after whatever allocates: the memory of WebAssembly moves when it grows, and
   * arrays of before are empty then.
   */
  readonly array: T;
  /** In bytes, in the memory of WebAssembly; it stays the same. −1 for an array of its own. */
  readonly address: number;
  free(): void;
}

export type Floats = View<Float32Array>;

export interface NumberType<T extends Numbers> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): T;
  new (buffer: ArrayBuffer, offset: number, length: number): T;
}

/** The arrays of several views, as they lie now. */
export function arraysOf<T extends { [K in keyof T]: View }>(views: T): { [K in keyof T]: T[K]['array'] } {
  const arrays = Object.entries<View>(views).map(([name, view]) => [name, view.array]);
  return Object.fromEntries(arrays) as { [K in keyof T]: T[K]['array'] };
}

export interface Memory {
  /** Zeros. @throws RangeError where there is no room */
  allocate<T extends Numbers>(type: NumberType<T>, count: number): View<T>;
}

export const plainMemory: Memory = {
  allocate: (type, count) => ({ array: new type(count), address: -1, free: () => undefined }),
};

/** Scratch that grows to the largest step, for operations that run one at a time. */
export class Scratch {
  readonly #memory: Memory;
  #view: Floats | undefined;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** At least so many floats; what they hold is left over from before. */
  take(length: number): Floats {
    if (this.#view && this.#view.array.length >= length) return this.#view;
    this.#view?.free();
    // Before the new one is there, so that a failure leaves nothing freed in use.
    this.#view = undefined;
    this.#view = this.#memory.allocate(Float32Array, length);
    return this.#view;
  }

  free(): void {
    this.#view?.free();
    this.#view = undefined;
  }
}
