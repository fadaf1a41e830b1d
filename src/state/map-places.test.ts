import { describe, expect, it } from 'vitest';
import type { CorpusMap, CorpusSource } from '../protocol/corpus';
import { endsOf, nearest, placesOf, sourceOf } from './map-places';

const map: CorpusMap = {
  rows: Uint32Array.of(0, 1, 2, 3),
  x: Float32Array.of(-1, 1, 0, 0),
  y: Float32Array.of(0, 0, 0.5, -0.25),
  titles: ['West', 'East', 'North', 'South'],
  shares: [0.5, 0.25],
};

describe('the points of a map', () => {
  it('fill the room by one scale, up being up', () => {
    const { x, y } = placesOf(map, { width: 220, height: 200, margin: 10 });
    expect([...x]).toEqual([10, 210, 110, 110]);
    const [west = 0, , north = 0, south = 0] = y;
    expect(north).toBeLessThan(west);
    expect(south - west).toBeCloseTo(25);
    expect((north + south) / 2).toBeCloseTo(100);
    const none = { ...map, x: new Float32Array(), y: new Float32Array() };
    expect(placesOf(none, { width: 10, height: 10, margin: 0 }).x).toHaveLength(0);
  });

  it('are found by what lies near, within reach', () => {
    const places = placesOf(map, { width: 220, height: 200, margin: 10 });
    expect(nearest(places, { x: 205, y: places.y[1] ?? 0 }, 12)).toBe(1);
    expect(nearest(places, { x: 150, y: 150 }, 12)).toBe(-1);
  });

  it('have ends with different names', () => {
    const twice = { ...map, titles: ['West', 'East', 'West', 'South'] };
    expect(Object.fromEntries(endsOf(twice, 2))).toEqual({
      left: ['West', 'South'],
      right: ['East', 'West'],
      top: ['West', 'East'],
      bottom: ['South', 'West'],
    });
  });

  it('are of a file where the files account for all passages, and are few', () => {
    const source = (passages: number): CorpusSource => ({ name: 'a', kind: 'jsonl', bytes: 1, passages });
    const of = sourceOf([source(2), source(3)], 5);
    expect([0, 1, 2, 4].map((row) => of?.(row))).toEqual([0, 0, 1, 1]);
    expect(sourceOf([source(2), source(3)], 6)).toBeNull();
    expect(sourceOf([source(5)], 5)).toBeNull();
  });
});
