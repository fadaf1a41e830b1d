import * as t from '../text';
import { COMMON, quads, rowPointer, sumOf, transposedSums, writeRows, written } from './quads';

const { get, set, i32 } = t;

const PARAMETERS = { ...COMMON, threshold: 'f32', out: 'i32' } as const;

/** Rows whose f32 sum is not at or below `threshold` go to `out`; the caller takes their scores again in 64 bits. */
function finish(fn: t.Fn, size: { bytes: number; queryBytes: number }, step: t.Statement[]): t.Fn {
  const bits = fn.local('bits');
  const below = `(i32x4.bitmask (f32x4.le ${get('sums')} (f32x4.splat ${get('threshold')})))`;
  fn.emit(
    set(fn.local('begin'), get('out')),
    ...quads(fn, size, step, [
      ...transposedSums(fn, 'f32x4.add'),
      set(bits, `(i32.xor ${below} ${i32(15)})`),
      t.when(get(bits), ...writeRows()),
    ]),
    written(),
  );
  return fn;
}

const accumulate = (fn: t.Fn, row: number, value: t.Expression, query: string): t.Statement =>
  set(fn.vector(sumOf(row)), t.vAdd(get(sumOf(row)), t.vMul(value, get(query))));

export function scanFloats(): t.Fn {
  const fn = new t.Fn('scanFloats', PARAMETERS, 'i32');
  const query = fn.vector('queryLow');
  const step = [
    set(query, t.load(get('q'))),
    ...[0, 1, 2, 3].map((row) => accumulate(fn, row, t.load(get(rowPointer(row))), query)),
  ];
  return finish(fn, { bytes: 16, queryBytes: 16 }, step);
}

/**
 * Halves are widened by moving their bits up and multiplying by 2¹¹², which is right for all finite ones; the caller has refused
 * the others.
 */
export function scanHalves(): t.Fn {
  const fn = new t.Fn('scanHalves', PARAMETERS, 'i32');
  const [query, value] = [fn.vector('queryLow'), fn.vector('value')];
  const widened = (row: number): t.Statement[] => [
    set(
      value,
      `(v128.and (i32x4.shl (v128.load16x4_s align=8 ${get(rowPointer(row))}) ${i32(13)}) ${t.bits(0x8fffffff | 0)})`,
    ),
    accumulate(fn, row, t.vMul(get(value), t.splat(2 ** 112)), query),
  ];
  const step = [set(query, t.load(get('q'))), ...[0, 1, 2, 3].flatMap(widened)];
  return finish(fn, { bytes: 8, queryBytes: 16 }, step);
}
