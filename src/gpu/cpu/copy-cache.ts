import { COPY_FIRST, COPY_FROM, COPY_TO } from '../backend';
import type { CacheViews } from './attention';

/** See `CopyCacheArguments`. */
export function copyCache(cache: CacheViews, copyTable: Uint32Array, rows: number, width: number): void {
  const first = copyTable[COPY_FIRST]!;
  const from = (copyTable[COPY_FROM]! * cache.capacity + first) * width;
  const to = (copyTable[COPY_TO]! * cache.capacity + first) * width;
  for (const array of [cache.keys.array, cache.values.array]) array.copyWithin(to, from, from + rows * width);
}
