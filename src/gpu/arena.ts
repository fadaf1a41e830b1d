import { AppError } from '../protocol/errors';

/** Counts the bytes of what is allocated and frees what is left at the end. */
export class Arena<T extends { readonly bytes: number }> {
  readonly #live = new Set<T>();
  #liveBytes = 0;

  get liveBytes(): number {
    return this.#liveBytes;
  }

  get size(): number {
    return this.#live.size;
  }

  add(item: T): void {
    this.#live.add(item);
    this.#liveBytes += item.bytes;
  }

  /** False if the item was already released: releasing twice is harmless. */
  release(item: T): boolean {
    if (!this.#live.delete(item)) return false;
    this.#liveBytes -= item.bytes;
    return true;
  }

  has(item: T): boolean {
    return this.#live.has(item);
  }

  items(): T[] {
    return [...this.#live];
  }
}

/** Number of elements of a shape; refuses sizes that no tensor can have. */
export function elementCount(label: string, shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new AppError('INTERNAL', `Tensor ${label} has the impossible shape [${shape.join(', ')}].`);
    }
    count *= size;
  }
  if (!Number.isSafeInteger(count)) {
    throw new AppError('INTERNAL', `Tensor ${label} is too large: [${shape.join(', ')}].`);
  }
  return count;
}
