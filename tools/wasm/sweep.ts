/** Loops over the elements of rows, four at a time, and over what is left at the end. */
import * as t from './text';

const { get, set, add, i32 } = t;

export interface Step {
  /** The four elements at a pointer; zeros beyond the end. */
  read: (pointer: string) => t.Expression;
  /** Writes those that are there. */
  write: (pointer: string, value: t.Expression) => t.Statement;
  /** Zeros in the lanes that are beyond the end, for sums. */
  only: (value: t.Expression) => t.Expression;
}

/** Over `count` (a local or parameter) elements from each pointer on; the pointers stay as they are. */
export function sweep(fn: t.Fn, count: string, body: (step: Step) => t.Statement[]): t.Statement[] {
  const [at, wide, rest] = [fn.local('at'), fn.local('wide'), fn.local('rest')];
  const place = (pointer: string): t.Expression => add(get(pointer), get(at));
  const whole: Step = {
    read: (pointer) => t.load(place(pointer)),
    write: (pointer, value) => t.store(place(pointer), value),
    only: (value) => value,
  };
  const part: Step = {
    read: (pointer) => `(call $tail ${place(pointer)} ${get(rest)})`,
    write: (pointer, value) => `(call $put ${place(pointer)} ${value} ${get(rest)})`,
    only: (value) => `(v128.and ${value} (call $mask ${get(rest)}))`,
  };
  return [
    set(wide, t.shiftLeft(t.wholeOf(get(count), 4), 2)),
    set(rest, `(i32.and ${get(count)} ${i32(3)})`),
    set(at, i32(0)),
    fn.whileBelow(at, get(wide), ...body(whole), t.advance(at, i32(t.V128))),
    t.when(get(rest), ...body(part)),
  ];
}

/** What the ends of rows take: the last one to three elements read (zeros after them), written, and as a mask. */
export function endsOfRows(): t.Fn[] {
  const isBelow = (limit: number): t.Expression => `(i32.lt_u ${get('count')} ${i32(limit)})`;
  const tail = new t.Fn('tail', { at: 'i32', count: 'i32' }, 'v128');
  const two = `(v128.load64_zero align=4 ${get('at')})`;
  tail.emit(
    `(if ${isBelow(2)} (then (return (v128.load32_zero ${get('at')}))))`,
    `(if ${isBelow(3)} (then (return ${two})))`,
    `(v128.load32_lane offset=8 2 ${get('at')} ${two})`,
  );
  const put = new t.Fn('put', { at: 'i32', value: 'v128', count: 'i32' });
  put.emit(
    `(if ${isBelow(2)} (then (v128.store32_lane 0 ${get('at')} ${get('value')}) (return)))`,
    `(v128.store64_lane align=4 0 ${get('at')} ${get('value')})`,
    `(if ${isBelow(3)} (then (return)))`,
    `(v128.store32_lane offset=8 2 ${get('at')} ${get('value')})`,
  );
  const mask = new t.Fn('mask', { count: 'i32' }, 'v128');
  mask.emit(`(i32x4.gt_s (i32x4.splat ${get('count')}) (v128.const i32x4 0 1 2 3))`);
  return [tail, put, mask];
}
