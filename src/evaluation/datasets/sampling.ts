/** Which of a set's questions are asked. */
import type { Sampling } from '../evaluation-types';
import { randomStream } from '../significance';

/** How many of each set, given how many each has. `all`: as evenly as they go; what one cannot give, the others do. */
export function sharesOf(sizes: readonly number[], { limit, per }: Sampling): number[] {
  if (limit === null) return [...sizes];
  if (per === 'set') return sizes.map((size) => Math.min(size, limit));
  const shares = sizes.map(() => 0);
  let left = limit;
  for (;;) {
    const open = sizes.flatMap((size, i) => ((shares[i] ?? 0) < size ? [i] : []));
    if (left === 0 || open.length === 0) return shares;
    // One each, until less is left than there are sets: then the first ones get it.
    const each = Math.max(1, Math.floor(left / open.length));
    for (const i of open) {
      const more = Math.min(each, left, (sizes[i] ?? 0) - (shares[i] ?? 0));
      shares[i] = (shares[i] ?? 0) + more;
      left -= more;
    }
  }
}

/** In the order of the set. The same seed and set give the same questions; a larger sample holds a smaller one. */
export function drawSample<T>(items: readonly T[], count: number, seed: number | null): T[] {
  if (count >= items.length) return [...items];
  if (seed === null) return items.slice(0, count);
  const random = randomStream(seed);
  const order = items.map((_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (order.length - i));
    const [a = 0, b = 0] = [order[i], order[j]];
    order[i] = b;
    order[j] = a;
  }
  return order
    .slice(0, count)
    .sort((a, b) => a - b)
    .flatMap((i) => items.slice(i, i + 1));
}
