import * as t from '../text';
import { keepScored, quads, rowPointer, SCORED, sumOf, transposedSums, written } from './quads';

const { get, set, i32 } = t;

/** Bits of a query's component: planes of them, the last one with a negative weight. */
const PLANES = 8;

/**
 * Rows of sign bits, 128 at a time, against eight bit planes of an int8 query: Σ over planes of 2^p · popcount(row ∧ plane), with
 * −2⁷ for the last. `sums` are 2 · that − `total`, the query's sum: what the signs as ±1 give.
 */
export function scanSigns(): t.Fn {
  const fn = new t.Fn('scanSigns', { ...SCORED, total: 'i32' }, 'i32');
  const [bits, low, high] = [fn.vector('code'), fn.vector('few'), fn.vector('many')];
  const ones = (plane: number): t.Expression =>
    `(i8x16.popcnt (v128.and ${get(bits)} (v128.load offset=${16 * plane} align=16 ${get('q')})))`;
  // Three planes at a time make at most 8 · 7 in a byte; their sums need 16 bits.
  const shifted = (plane: number): t.Expression =>
    plane === 0 ? ones(0) : `(i8x16.shl ${ones(plane)} ${i32(plane)})`;
  const wide = (value: t.Expression): t.Expression => `(i16x8.extadd_pairwise_i8x16_u ${value})`;
  const step = [0, 1, 2, 3].flatMap((row) => [
    set(bits, t.load(get(rowPointer(row)))),
    set(low, wide(`(i8x16.add (i8x16.add ${shifted(0)} ${shifted(1)}) ${shifted(2)})`)),
    set(
      high,
      wide(
        `(i8x16.add (i8x16.add ${ones(3)} (i8x16.shl ${ones(4)} ${i32(1)})) (i8x16.shl ${ones(5)} ${i32(2)}))`,
      ),
    ),
    set(low, `(i16x8.add ${get(low)} (i16x8.shl ${get(high)} ${i32(3)}))`),
    set(high, `(i16x8.sub ${wide(ones(6))} (i16x8.shl ${wide(ones(7))} ${i32(1)}))`),
    set(low, `(i16x8.add ${get(low)} (i16x8.shl ${get(high)} ${i32(6)}))`),
    set(fn.vector(sumOf(row)), `(i32x4.add ${get(sumOf(row))} (i32x4.extadd_pairwise_i16x8_s ${get(low)}))`),
  ]);
  fn.emit(
    set(fn.local('begin'), get('out')),
    ...quads(fn, { bytes: t.V128, queryBytes: PLANES * t.V128 }, step, [
      ...transposedSums(fn, 'i32x4.add'),
      set('sums', `(i32x4.sub (i32x4.shl ${get('sums')} ${i32(1)}) (i32x4.splat ${get('total')}))`),
      ...keepScored(fn),
    ]),
    written(),
  );
  return fn;
}
