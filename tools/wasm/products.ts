/**
 * The two matrix products, `y[m, n] += Σ_k x[m, k] · w[n, k]`, for the two ways that w can lie in memory. All strides are in bytes.
 *
 * An element's sum is the same whichever tile computes it: its terms are added in one order that depends on the depth alone.
 * So a row's result does not depend on how many rows are computed with it.
 */
import * as t from './text';

const ROWS = 'y ys x xs w ws rows columns depth'.split(' ');
const parameters = (names: readonly string[]): Record<string, t.ValueType> =>
  Object.fromEntries(names.map((name) => [name, 'i32' as const]));

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const { get, set, add, mul, advance, i32 } = t;

/** Bytes of w that stay in the nearest cache while all rows pass. */
const DOT_BLOCK = 24 * 1024;

/** `rows` × `columns` sums, four partial ones in the lanes of each. */
function dotTile(fn: t.Fn, rows: number, columns: number): t.Statement[] {
  const xs = range(rows).map((m) => fn.local(`x${m}`));
  const ws = range(columns).map((n) => fn.local(`w${n}`));
  const sum = (m: number, n: number): string => fn.vector(`s${m}${n}`);
  const all = range(rows).flatMap((m) => range(columns).map((n) => [m, n] as const));
  const step = (read: (pointer: string) => t.Expression): t.Statement[] => [
    ...xs.map((x, m) => set(fn.vector(`a${m}`), read(x))),
    ...ws.flatMap((w, n) => [
      set(fn.vector('b'), read(w)),
      ...range(rows).map((m) => set(sum(m, n), t.vAdd(get(sum(m, n)), t.vMul(get(`a${m}`), get('b'))))),
    ]),
  ];
  const tail = [...step((pointer) => `(call $tail ${get(pointer)} ${get('rest')})`)];
  return [
    ...xs.map((x, m) => set(x, m === 0 ? get('xAt') : add(get(`x${m - 1}`), get('xs')))),
    ...ws.map((w, n) => set(w, n === 0 ? get('wAt') : add(get(`w${n - 1}`), get('ws')))),
    ...all.map(([m, n]) => set(sum(m, n), t.splat(0))),
    set(fn.local('end'), add(get('x0'), get('wide'))),
    fn.whileBelow(
      'x0',
      get('end'),
      ...step((pointer) => t.load(get(pointer))),
      ...[...xs, ...ws].map((pointer) => advance(pointer, i32(t.V128))),
    ),
    t.when(get('rest'), ...tail),
    ...range(rows).flatMap((m) => {
      const at = fn.local(`y${m}`);
      const point = set(at, m === 0 ? get('yAt') : add(get(`y${m - 1}`), get('ys')));
      if (columns === 1) {
        const value = `(f32.add ${t.loadOne(get(at))} ${t.laneSum(sum(m, 0))})`;
        return [point, t.storeOne(get(at), value)];
      }
      const halves = (n: number): t.Expression => {
        const [a, b] = [get(sum(m, n)), get(sum(m, n + 1))];
        return t.vAdd(t.pick(a, b, [0, 4, 1, 5]), t.pick(a, b, [2, 6, 3, 7]));
      };
      const [low, high] = [fn.vector('low'), fn.vector('high')];
      return [
        ...[point, set(low, halves(0)), set(high, halves(2))],
        set(
          low,
          t.vAdd(t.pick(get(low), get(high), [0, 1, 4, 5]), t.pick(get(low), get(high), [2, 3, 6, 7])),
        ),
        t.store(get(at), t.vAdd(t.load(get(at)), get(low))),
      ];
    }),
  ];
}

/** For w whose rows lie along the depth: y = x·wᵀ of a linear layer, q·kᵀ. */
function dotProduct(): t.Fn {
  const fn = new t.Fn('dotProduct', parameters(ROWS));
  for (const name of ['xAt', 'wAt', 'yAt', 'm', 'n', 'from', 'to', 'whole', 'wholeRows']) fn.local(name);
  const tileOf = (rows: number, columns: number): t.Statement[] => [
    set('xAt', add(get('x'), mul(get('m'), get('xs')))),
    set('wAt', add(get('w'), mul(get('n'), get('ws')))),
    set('yAt', add(add(get('y'), mul(get('m'), get('ys'))), t.shiftLeft(get('n'), 2))),
    ...dotTile(fn, rows, columns),
  ];
  const across = (rows: number): t.Statement[] => [
    set('n', get('from')),
    fn.whileBelow('n', t.min(get('to'), get('whole')), ...tileOf(rows, 4), advance('n', i32(4))),
    fn.whileBelow('n', get('to'), ...tileOf(rows, 1), advance('n', i32(1))),
  ];
  fn.emit(
    set(fn.local('wide'), t.shiftLeft(t.wholeOf(get('depth'), 4), 2)),
    set(fn.local('rest'), `(i32.and ${get('depth')} ${i32(3)})`),
    set('whole', t.wholeOf(get('columns'), 4)),
    set('wholeRows', t.wholeOf(get('rows'), 2)),
    // Whole quads, at least one.
    set(
      fn.local('block'),
      add(t.wholeOf(`(i32.div_u ${i32(DOT_BLOCK)} ${add(t.shiftLeft(get('depth'), 2), i32(1))})`, 4), i32(4)),
    ),
    fn.whileBelow(
      'from',
      get('columns'),
      set('to', t.min(get('columns'), add(get('from'), get('block')))),
      set('m', i32(0)),
      fn.whileBelow('m', get('wholeRows'), ...across(2), advance('m', i32(2))),
      t.when(t.less(get('m'), get('rows')), ...across(1)),
      set('from', get('to')),
    ),
  );
  return fn;
}

/** Terms that are summed before they are added to y. */
const OUTER_DEPTH = 256;

/** `rows` × `4·vectors` sums, one in each lane. */
function outerTile(fn: t.Fn, rows: number, vectors: number): t.Statement[] {
  const xs = range(rows).map((m) => fn.local(`x${m}`));
  const sum = (m: number, v: number): string => fn.vector(`s${m}${v}`);
  const all = range(rows).flatMap((m) => range(vectors).map((v) => [m, v] as const));
  return [
    ...xs.map((x, m) => set(x, m === 0 ? get('xAt') : add(get(`x${m - 1}`), get('xs')))),
    ...all.map(([m, v]) => set(sum(m, v), t.splat(0))),
    set('k', i32(0)),
    fn.whileBelow(
      'k',
      get('deep'),
      ...range(vectors).map((v) => set(fn.vector(`b${v}`), t.load(get('wAt'), t.V128 * v))),
      ...xs.flatMap((x, m) => [
        set(fn.vector('a'), t.loadSplat(get(x))),
        ...range(vectors).map((v) => set(sum(m, v), t.vAdd(get(sum(m, v)), t.vMul(get('a'), get(`b${v}`))))),
      ]),
      ...xs.map((x) => advance(x, get('xd'))),
      advance('wAt', get('ws')),
      advance('k', i32(1)),
    ),
    ...range(rows).flatMap((m) => [
      set(fn.local('yTo'), m === 0 ? get('yAt') : add(get('yTo'), get('ys'))),
      ...range(vectors).map((v) =>
        t.store(get('yTo'), t.vAdd(t.load(get('yTo'), t.V128 * v), get(sum(m, v))), t.V128 * v),
      ),
    ]),
  ];
}

/** One sum, for the columns that make no vector. */
function outerOne(fn: t.Fn): t.Statement[] {
  const sum = fn.local('one', 'f32');
  const product = `(f32.mul ${t.loadOne(get('x0'))} ${t.loadOne(get('wAt'))})`;
  return [
    set('x0', get('xAt')),
    ...[set(sum, t.f32(0)), set('k', i32(0))],
    fn.whileBelow(
      'k',
      get('deep'),
      set(sum, `(f32.add ${get(sum)} ${product})`),
      ...[advance('x0', get('xd')), advance('wAt', get('ws')), advance('k', i32(1))],
    ),
    t.storeOne(get('yAt'), `(f32.add ${t.loadOne(get('yAt'))} ${get(sum)})`),
  ];
}

/**
 * For w whose rows lie across the depth: element (k, n) at `w + k·ws + 4·n`, and element (m, k) of x at `x + m·xs + k·xd`.
 * Gradients, and the mixing of values.
 */
function outerProduct(): t.Fn {
  const fn = new t.Fn('outerProduct', parameters('y ys x xs xd w ws rows columns depth'.split(' ')));
  for (const name of ['xAt', 'wAt', 'yAt', 'm', 'n', 'k', 'first', 'deep']) fn.local(name);
  for (const [name, of] of [
    ['whole16', 16],
    ['whole8', 8],
    ['whole4', 4],
  ] as const) {
    fn.emit(set(fn.local(name), t.wholeOf(get('columns'), of)));
  }
  fn.emit(set(fn.local('wholeRows'), t.wholeOf(get('rows'), 4)));
  const place = [
    set('xAt', add(add(get('x'), mul(get('m'), get('xs'))), mul(get('first'), get('xd')))),
    set('wAt', add(add(get('w'), mul(get('first'), get('ws'))), t.shiftLeft(get('n'), 2))),
    set('yAt', add(add(get('y'), mul(get('m'), get('ys'))), t.shiftLeft(get('n'), 2))),
  ];
  /** All rows for one stretch of columns. */
  const down = (wide: number, vectors: number): t.Statement[] => [
    set('m', i32(0)),
    fn.whileBelow('m', get('wholeRows'), ...place, ...outerTile(fn, 4, vectors), advance('m', i32(4))),
    fn.whileBelow('m', get('rows'), ...place, ...outerTile(fn, 1, vectors), advance('m', i32(1))),
    advance('n', i32(wide)),
  ];
  fn.emit(
    fn.whileBelow(
      'first',
      get('depth'),
      set('deep', t.min(i32(OUTER_DEPTH), t.sub(get('depth'), get('first')))),
      set('n', i32(0)),
      // A single row has registers to spare.
      t.when(
        t.less(get('rows'), i32(4)),
        fn.whileBelow(
          'n',
          get('whole16'),
          set('m', i32(0)),
          fn.whileBelow('m', get('rows'), ...place, ...outerTile(fn, 1, 4), advance('m', i32(1))),
          advance('n', i32(16)),
        ),
      ),
      fn.whileBelow('n', get('whole8'), ...down(8, 2)),
      fn.whileBelow('n', get('whole4'), ...down(4, 1)),
      fn.whileBelow(
        'n',
        get('columns'),
        set('m', i32(0)),
        fn.whileBelow('m', get('rows'), ...place, ...outerOne(fn), advance('m', i32(1))),
        advance('n', i32(1)),
      ),
      advance('first', get('deep')),
    ),
  );
  return fn;
}

export const productFunctions = (): t.Fn[] => [dotProduct(), outerProduct()];
