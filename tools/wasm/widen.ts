/** Weights of fewer bits as f32: exactly the values that `half.ts` and `blocks.ts` give. */
import * as t from './text';

const { get, set, add, advance, i32 } = t;
const HALF = 2;
/** Values that share a scale, and bytes of them in q4. */
const GROUP = 32;

/**
 * Halves, sign-extended to the lanes, as f32: their bits moved up, times 2¹¹² for the other bias; ∞ and NaN (which would be
 * numbers from 65536 on) keep their exponent.
 */
function fromHalves(to: string, from: t.Expression): t.Statement[] {
  const isWild = `(f32x4.ge (f32x4.abs ${get(to)}) ${t.splat(65536)})`;
  return [
    set(to, t.vMul(`(v128.and (i32x4.shl ${from} ${i32(13)}) ${t.bits(0x8fffffff | 0)})`, t.splat(2 ** 112))),
    set(to, `(v128.or ${get(to)} (v128.and ${isWild} ${t.bits(0x7f800000)}))`),
  ];
}

/** `count` halves, a multiple of two, from `from` to `to`. */
function widenHalves(): t.Fn {
  const fn = new t.Fn('widenHalves', { from: 'i32', to: 'i32', count: 'i32' });
  const [end, value] = [fn.local('end'), fn.vector('value')];
  fn.emit(
    set(end, add(get('to'), t.shiftLeft(t.wholeOf(get('count'), 4), 2))),
    fn.whileBelow(
      'to',
      get(end),
      ...fromHalves(value, `(v128.load16x4_s align=2 ${get('from')})`),
      t.store(get('to'), get(value)),
      advance('from', i32(4 * HALF)),
      advance('to', i32(t.V128)),
    ),
    t.when(
      `(i32.and ${get('count')} ${i32(3)})`,
      ...fromHalves(value, `(i32x4.extend_low_i16x8_s (v128.load32_zero align=2 ${get('from')}))`),
      `(v128.store64_lane align=4 0 ${get('to')} ${get(value)})`,
    ),
  );
  return fn;
}

/** Four signed integers of the low 32 bits of a vector of bytes, as f32 times the scale. */
const scaled = (bytes: t.Expression): t.Expression =>
  t.vMul(
    `(f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (i16x8.extend_low_i8x16_s ${bytes})))`,
    get('scale'),
  );

/** Writes 16 bytes of signed integers as f32 from `to + offset` on. */
function writeSixteen(fn: t.Fn, bytes: string, offset: number): t.Statement[] {
  const part = fn.vector('part');
  return [0, 1, 2, 3].flatMap((quarter) => [
    set(
      part,
      quarter === 0 ? get(bytes) : t.pick(get(bytes), get(bytes), [quarter, quarter, quarter, quarter]),
    ),
    t.store(get('to'), scaled(get(part)), offset + quarter * t.V128),
  ]);
}

/** `groups` groups of one row: their integers from `from`, their scales (f16) from `scales`. */
function widenBlocks(name: string, bytesOfGroup: number, group: (fn: t.Fn) => t.Statement[]): t.Fn {
  const fn = new t.Fn(name, { from: 'i32', scales: 'i32', to: 'i32', groups: 'i32' });
  const [end, scale] = [fn.local('end'), fn.vector('scale')];
  fn.emit(
    set(end, add(get('scales'), t.shiftLeft(get('groups'), 1))),
    fn.whileBelow(
      'scales',
      get(end),
      ...fromHalves(scale, `(i32x4.splat (i32.load16_s ${get('scales')}))`),
      ...group(fn),
      advance('scales', i32(HALF)),
      advance('from', i32(bytesOfGroup)),
      advance('to', i32(GROUP * t.F32)),
    ),
  );
  return fn;
}

const widenQ8 = (): t.Fn =>
  widenBlocks('widenQ8', GROUP, (fn) => {
    const bytes = fn.vector('bytes');
    return [0, 1].flatMap((half) => [
      set(bytes, `(v128.load offset=${16 * half} align=1 ${get('from')})`),
      ...writeSixteen(fn, bytes, half * 16 * t.F32),
    ]);
  });

const widenQ4 = (): t.Fn =>
  widenBlocks('widenQ4', GROUP / 2, (fn) => {
    const [packed, bytes] = [fn.vector('packed'), fn.vector('bytes')];
    const eight = `(i8x16.splat ${i32(8)})`;
    return [
      set(packed, `(v128.load align=1 ${get('from')})`),
      set(bytes, `(i8x16.sub (v128.and ${get(packed)} (i8x16.splat ${i32(15)})) ${eight})`),
      ...writeSixteen(fn, bytes, 0),
      set(bytes, `(i8x16.sub (i8x16.shr_u ${get(packed)} ${i32(4)}) ${eight})`),
      ...writeSixteen(fn, bytes, 16 * t.F32),
    ];
  });

export const widenFunctions = (): t.Fn[] => [widenHalves(), widenQ8(), widenQ4()];
