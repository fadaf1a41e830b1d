import * as t from '../text';
import { keepScored, quads, rowPointer, SCORED, sumOf, transposedSums, written } from './quads';

const { get, set } = t;

/**
 * Rows of int8 against a query of int16, sixteen at a time. The caller keeps the query so small that no sum leaves 32 bits:
 * sums are exact, so their order is free.
 */
export function scanBytes(): t.Fn {
  const fn = new t.Fn('scanBytes', SCORED, 'i32');
  const [low, high] = [fn.vector('queryLow'), fn.vector('queryHigh')];
  const product = (row: number, offset: number, query: string): t.Expression =>
    `(i32x4.dot_i16x8_s (v128.load8x8_s offset=${offset} align=8 ${get(rowPointer(row))}) ${get(query)})`;
  const step = [
    set(low, t.load(get('q'))),
    set(high, t.load(get('q'), t.V128)),
    ...[0, 1, 2, 3].map((row) =>
      set(
        fn.vector(sumOf(row)),
        `(i32x4.add (i32x4.add ${get(sumOf(row))} ${product(row, 0, low)}) ${product(row, 8, high)})`,
      ),
    ),
  ];
  fn.emit(
    set(fn.local('begin'), get('out')),
    ...quads(fn, { bytes: t.V128, queryBytes: 2 * t.V128 }, step, [
      ...transposedSums(fn, 'i32x4.add'),
      ...keepScored(fn),
    ]),
    written(),
  );
  return fn;
}
