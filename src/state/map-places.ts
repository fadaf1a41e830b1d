/** Where the points of a map are drawn, which lies under a pointer, and what its edges are called. Pure. */
import type { CorpusMap, CorpusSource } from '../protocol/corpus';

export interface MapSize {
  width: number;
  height: number;
  /** Left free on each side. */
  margin: number;
}

/** In pixels, x to the right and y down; as large as the room allows, both directions by one scale. */
export function placesOf(
  map: CorpusMap,
  { width, height, margin }: MapSize,
): { x: Float32Array; y: Float32Array } {
  const [left, right] = extent(map.x);
  const [low, high] = extent(map.y);
  const room = { x: Math.max(1, width - 2 * margin), y: Math.max(1, height - 2 * margin) };
  const scale = Math.min(room.x / Math.max(right - left, 1e-6), room.y / Math.max(high - low, 1e-6));
  const offset = { x: (width - scale * (right - left)) / 2, y: (height - scale * (high - low)) / 2 };
  return {
    x: map.x.map((value) => offset.x + scale * (value - left)),
    y: map.y.map((value) => offset.y + scale * (high - value)),
  };
}

function extent(values: Float32Array): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return values.length > 0 ? [low, high] : [0, 0];
}

/** The point nearest to a place, if one lies within `reach`; else -1. */
export function nearest(
  { x, y }: { x: Float32Array; y: Float32Array },
  at: { x: number; y: number },
  reach: number,
): number {
  let [best, found] = [reach * reach, -1];
  for (let i = 0; i < x.length; i++) {
    const distance = ((x[i] ?? 0) - at.x) ** 2 + ((y[i] ?? 0) - at.y) ** 2;
    if (distance <= best) [best, found] = [distance, i];
  }
  return found;
}

export type MapEnd = 'left' | 'right' | 'top' | 'bottom';

/** What lies outermost, with different titles. */
export function endsOf({ x, y, titles }: CorpusMap, most = 3): [MapEnd, string[]][] {
  const order = (values: Float32Array, sign: 1 | -1): string[] => {
    const sorted = Array.from(titles.keys()).sort(
      (a, b) => sign * ((values[a] ?? 0) - (values[b] ?? 0)) || a - b,
    );
    const found = new Set<string>();
    for (const i of sorted) {
      if (found.size >= most) break;
      found.add(titles[i] ?? '');
    }
    return [...found];
  };
  return [
    ['left', order(x, 1)],
    ['right', order(x, -1)],
    ['top', order(y, -1)],
    ['bottom', order(y, 1)],
  ];
}

/** Colours that a map can have. */
export const MOST_COLOURS = 6;

/** The file that each row is of, where that can be told and told apart by colours; else null. */
export function sourceOf(
  sources: readonly CorpusSource[],
  passages: number,
): ((row: number) => number) | null {
  const total = sources.reduce((sum, source) => sum + source.passages, 0);
  if (sources.length < 2 || sources.length > MOST_COLOURS || total !== passages) return null;
  let end = 0;
  const ends = sources.map((source) => (end += source.passages));
  return (row) => ends.findIndex((last) => row < last);
}
