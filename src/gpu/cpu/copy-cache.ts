import { COPY_FIRST, COPY_FROM, COPY_TO } from '../backend';
import type { CacheArrays } from './attention';

/** See `CopyCacheArguments`. */
export function copyCache(cache: CacheArrays, copyTable: Uint32Array, rows: number, width: number): void {
  const first = copyTable[COPY_FIRST]!;
  const from = (copyTable[COPY_FROM]! * cache.capacity + first) * width;
  const to = (copyTable[COPY_TO]! * cache.capacity + first) * width;
  for (const array of [cache.keys, cache.values]) array.copyWithin(to, from, from + rows * width);
}
