import { describe, expect, it } from 'vitest';
import { mapOf, projectRows, requireDrawable, type Rows } from './corpus-map';
import { encodePassages, PassageFile } from './passage-file';

const rowsOf = (vectors: readonly (readonly number[])[]): Rows => ({
  count: vectors.length,
  dimensions: vectors[0]?.length ?? 0,
  rowAt: (row) => Float32Array.from(vectors[row] ?? []),
});
/** Wide along one direction, less so along another, hardly along the rest; none of them an axis. */
const spread = rowsOf(
  Array.from({ length: 200 }, (_, i) => {
    const [a, b, c] = [Math.sin(i * 1.3) * 3, Math.sin(i * 0.7 + 1), Math.sin(i * 2.9) * 0.05];
    return [a + b, a - b, c + 5, 2];
  }),
);

describe('the map of a corpus', () => {
  it('lies along the two directions in which the vectors differ most', async () => {
    const { rows, x, y, shares } = await projectRows(spread);
    expect(rows).toHaveLength(200);
    expect(shares[0]).toBeGreaterThan(shares[1]);
    expect(shares[0] + shares[1]).toBeGreaterThan(0.99);
    // What is left of a distance on the map is its length in the space, times one scale.
    const distance = (i: number, j: number): number =>
      Math.hypot((x[i] ?? 0) - (x[j] ?? 0), (y[i] ?? 0) - (y[j] ?? 0));
    const real = (i: number, j: number): number =>
      Math.hypot(...[...spread.rowAt(i)].map((value, d) => value - (spread.rowAt(j)[d] ?? 0)));
    const scale = distance(0, 1) / real(0, 1);
    for (const [i, j] of [
      [3, 90],
      [17, 160],
      [42, 44],
    ] as const) {
      expect(distance(i, j) / real(i, j) / scale).toBeCloseTo(1, 1);
    }
    expect(Math.max(...[...x, ...y].map(Math.abs))).toBeCloseTo(1, 6);
  });

  it('is the same each time, and takes rows evenly where there are many', async () => {
    const [one, two] = [await projectRows(spread, 50), await projectRows(spread, 50)];
    expect(one).toEqual(two);
    expect([...one.rows.subarray(0, 3)]).toEqual([0, 4, 8]);
  });

  it('is a point for equal vectors, a line for those on a line, and nothing for none', async () => {
    const point = await projectRows(
      rowsOf([
        [1, 2],
        [1, 2],
      ]),
    );
    expect([...point.x, ...point.y]).toEqual([0, 0, 0, 0]);
    const line = await projectRows(
      rowsOf([
        [0, 0, 0],
        [1, 1, 1],
        [2, 2, 2],
      ]),
    );
    expect([...line.y].every((value) => Math.abs(value) < 1e-6)).toBe(true);
    expect(
      (await projectRows({ count: 0, dimensions: 3, rowAt: () => new Float32Array(3) })).rows,
    ).toHaveLength(0);
  });

  it('can be stopped, and names its points', async () => {
    const signal = AbortSignal.abort();
    await expect(projectRows(spread, 50, signal)).rejects.toMatchObject({ code: 'ABORTED' });
    const passages = new PassageFile(
      encodePassages([
        { id: 'p0', title: '', text: 'Text.' },
        { id: 'p1', title: 'T1', text: 'Text.' },
      ]),
    );
    expect(
      (
        await mapOf(
          { passages },
          rowsOf([
            [0, 1],
            [1, 0],
          ]),
        )
      ).titles,
    ).toEqual(['Text.', 'T1']);
    expect(() => requireDrawable(10_000_000)).toThrow(/at most/);
  });
});
