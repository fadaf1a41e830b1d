/** What the scans share: four rows at a time, their four sums in one vector, and the rows that pass written down. */
import * as t from '../text';

const { get, set, add, advance, i32 } = t;

const ROWS = [0, 1, 2, 3] as const;
export const rowPointer = (row: number): string => `row${row}`;
export const sumOf = (row: number): string => `sum${row}`;

/** Rows lie `stride` bytes apart from `rows` on, and are read in fours: up to three rows after the last one are read too. */
export const COMMON = { rows: 'i32', stride: 'i32', count: 'i32', query: 'i32' } as const;

/**
 * For all quads of rows: sums to zero, `step` for every `bytes` of a row (it adds to `sumOf(row)`, reading at
 * `rowPointer(row)` and at `q`), then `done` with `at` the quad's first row.
 */
export function quads(
  fn: t.Fn,
  { bytes, queryBytes }: { bytes: number; queryBytes: number },
  step: t.Statement[],
  done: t.Statement[],
): t.Statement[] {
  const [at, q, end] = [fn.local('at'), fn.local('q'), fn.local('end')];
  const pointers = ROWS.map((row) => fn.local(rowPointer(row)));
  return [
    fn.whileBelow(
      at,
      get('count'),
      ...pointers.map((pointer, row) =>
        set(pointer, row === 0 ? get('rows') : add(get(rowPointer(row - 1)), get('stride'))),
      ),
      ...ROWS.map((row) => set(fn.vector(sumOf(row)), '(v128.const i32x4 0 0 0 0)')),
      set(q, get('query')),
      set(end, add(get('rows'), get('stride'))),
      fn.whileBelow(
        pointers[0] ?? '',
        get(end),
        ...step,
        ...pointers.map((pointer) => advance(pointer, i32(bytes))),
        advance(q, i32(queryBytes)),
      ),
      ...done,
      advance('rows', t.shiftLeft(get('stride'), 2)),
      advance(at, i32(4)),
    ),
  ];
}

/** The four rows' sums as lanes of one vector; `plus` is `i32x4.add` or `f32x4.add`. */
export function transposedSums(fn: t.Fn, plus: string): t.Statement[] {
  const halves = (a: number, b: number): t.Expression =>
    t.call(plus)(
      t.pick(get(sumOf(a)), get(sumOf(b)), [0, 4, 1, 5]),
      t.pick(get(sumOf(a)), get(sumOf(b)), [2, 6, 3, 7]),
    );
  const [low, high] = [fn.vector('low'), fn.vector('high')];
  return [
    set(low, halves(0, 1)),
    set(high, halves(2, 3)),
    set(
      fn.vector('sums'),
      t.call(plus)(t.pick(get(low), get(high), [0, 1, 4, 5]), t.pick(get(low), get(high), [2, 3, 6, 7])),
    ),
  ];
}

/** Writes `at + lane` to `out` where bit `lane` of `bits` is set and the row is one of `count`. */
export const writeRows = (more: (lane: number) => t.Statement[] = () => []): t.Statement[] =>
  ROWS.map((lane) =>
    t.when(
      `(i32.and (i32.and ${get('bits')} ${i32(1 << lane)}) (i32.shl (i32.lt_u ${add(get('at'), i32(lane))} ${get('count')}) ${i32(lane)}))`,
      `(i32.store ${get('out')} ${add(get('at'), i32(lane))})`,
      ...more(lane),
      advance('out', i32(4)),
    ),
  );

/** The score of two rows in f64, `pair` 0 or 1 of the quad: `(step · scale) · sum + product + constant`, in this order. */
export function pairScore(pair: number, sums: t.Expression): t.Expression {
  const of = (list: string): t.Expression =>
    `(f64x2.promote_low_f32x4 (v128.load64_zero offset=${8 * pair} align=4 ${get(list)}))`;
  const wide = `(f64x2.convert_low_i32x4_s ${pair === 0 ? sums : t.pick(sums, sums, [2, 3, 2, 3])})`;
  const scaled = `(f64x2.mul (f64x2.mul (f64x2.splat ${get('step')}) ${of('scales')}) ${wide})`;
  return `(f64x2.add (f64x2.add ${scaled} ${of('products')}) (f64x2.splat ${get('constant')}))`;
}

/** Parameters of scans whose sums are whole numbers. */
export const SCORED = {
  ...COMMON,
  scales: 'i32',
  products: 'i32',
  step: 'f64',
  constant: 'f64',
  threshold: 'f64',
  out: 'i32',
  scores: 'i32',
} as const satisfies Record<string, t.ValueType>;

/** From `sums` in i32: rows whose score is above `threshold` go to `out`, their scores to `scores`. */
export function keepScored(fn: t.Fn): t.Statement[] {
  const [first, second, bits] = [fn.vector('first'), fn.vector('second'), fn.local('bits')];
  const above = (pair: string): t.Expression =>
    `(i64x2.bitmask (f64x2.gt ${get(pair)} (f64x2.splat ${get('threshold')})))`;
  return [
    set(first, pairScore(0, get('sums'))),
    set(second, pairScore(1, get('sums'))),
    set(bits, `(i32.or ${above(first)} (i32.shl ${above(second)} ${i32(2)}))`),
    t.when(
      get(bits),
      ...writeRows((lane) => [
        `(f64.store ${get('scores')} (f64x2.extract_lane ${lane & 1} ${get(lane < 2 ? first : second)}))`,
        advance('scores', i32(8)),
      ]),
    ),
    advance('scales', i32(16)),
    advance('products', i32(16)),
  ];
}

/** How many rows were written. */
export const written = (): t.Statement => `(i32.shr_u (i32.sub ${get('out')} ${get('begin')}) ${i32(2)})`;
