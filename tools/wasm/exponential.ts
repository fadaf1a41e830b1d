/** Loops around e^x: softmax and log Σ exp in their parts, the gate and its gradient, the gradient by logits. */
import { sweep } from './sweep';
import * as t from './text';

const { get, set, vAdd, vSub, vMul, vDiv } = t;

/** Below this e^x is no normal f32, and becomes 0. */
const LEAST = -87.33;
/** From here on it is ∞. */
const MOST = 88.72;
/** Of (e^r − 1 − r)/r² on |r| ≤ ln 2 / 2, from the highest power down (Moshier's Cephes, expf). */
const COEFFICIENTS = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
];
/** ln 2 in two parts, whose first has few enough bits for n times it to be exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;

/** 1.5 · 2²³: a number below 2²² added to it is rounded to an integer, which is then in its lowest bits. */
const ROUNDER = 12582912;
/** The bits of 1. */
const ONE = 0x3f800000;

/** `to = e^from`, for every lane to about one unit in the last place: e^x = 2ⁿ · e^r with n = round(x / ln 2). */
function exponential(fn: t.Fn, to: string, from: t.Expression): t.Statement[] {
  const [x, n, r, y] = [fn.vector('expX'), fn.vector('expN'), fn.vector('expR'), fn.vector('expY')];
  const powerOfTwo = `(i32x4.add (i32x4.shl ${get(n)} ${t.i32(23)}) ${t.bits(ONE)})`;
  const whole = vSub(get(n), t.splat(ROUNDER));
  const [highest = 0, ...others] = COEFFICIENTS;
  return [
    // What is no number stays none.
    set(x, `(f32x4.pmin ${from} ${t.splat(MOST)})`),
    set(n, vAdd(vMul(get(x), t.splat(Math.LOG2E)), t.splat(ROUNDER))),
    set(y, whole),
    set(r, vSub(vSub(get(x), vMul(get(y), t.splat(LN2_HIGH))), vMul(get(y), t.splat(LN2_LOW)))),
    set(y, t.splat(highest)),
    ...others.map((coefficient) => set(y, vAdd(vMul(get(y), get(r)), t.splat(coefficient)))),
    set(y, vAdd(vAdd(vMul(get(y), vMul(get(r), get(r))), get(r)), t.splat(1))),
    set(to, `(v128.andnot ${vMul(get(y), powerOfTwo)} (f32x4.lt ${get(x)} ${t.splat(LEAST)}))`),
  ];
}

const splatOf = (name: string): t.Expression => `(f32x4.splat ${get(name)})`;

/** The largest of `count` ≥ 1 elements; what is no number counts as nothing. */
function maximum(): t.Fn {
  const fn = new t.Fn('maximum', { from: 'i32', count: 'i32' }, 'f32');
  const [best, one] = [fn.vector('best'), fn.local('one', 'f32')];
  const [at, end] = [fn.local('at'), fn.local('end')];
  const larger = (value: t.Expression): t.Statement[] => [
    set(fn.local('value', 'f32'), value),
    set(one, `(select ${get('value')} ${get(one)} (f32.gt ${get('value')} ${get(one)}))`),
  ];
  fn.emit(
    set(best, t.splat(-Infinity)),
    set(one, t.f32(-Infinity)),
    set(at, get('from')),
    set(end, t.add(get('from'), t.shiftLeft(t.wholeOf(get('count'), 4), 2))),
    fn.whileBelow(
      at,
      get(end),
      set(best, `(f32x4.pmax ${get(best)} ${t.load(get(at))})`),
      t.advance(at, t.i32(t.V128)),
    ),
    set(end, t.add(get('from'), t.shiftLeft(get('count'), 2))),
    fn.whileBelow(at, get(end), ...larger(t.loadOne(get(at))), t.advance(at, t.i32(t.F32))),
    ...[0, 1, 2, 3].flatMap((lane) => larger(t.lane(get(best), lane))),
    get(one),
  );
  return fn;
}

/** `x = e^((x − from) · scale)`; returns their sum. */
function exponentiate(): t.Fn {
  const fn = new t.Fn('exponentiate', { x: 'i32', count: 'i32', from: 'f32', scale: 'f32' }, 'f32');
  const [sum, value] = [fn.vector('sum'), fn.vector('value')];
  fn.emit(
    set(sum, t.splat(0)),
    ...sweep(fn, 'count', ({ read, write, only }) => [
      ...exponential(fn, value, vMul(vSub(read('x'), splatOf('from')), splatOf('scale'))),
      write('x', get(value)),
      set(sum, vAdd(get(sum), only(get(value)))),
    ]),
    t.laneSum(sum),
  );
  return fn;
}

/** Σ e^z and Σ e^z · z of z = (x − from) · scale; where e^z is 0, so is its product. */
function exponentialSums(): t.Fn {
  const parameters = { x: 'i32', count: 'i32', from: 'f32', scale: 'f32' } as const;
  const fn = new t.Fn('exponentialSums', parameters, 'f32 f32');
  const [sum, mixed, z, value] = [fn.vector('sum'), fn.vector('mixed'), fn.vector('z'), fn.vector('value')];
  const product = `(v128.and ${vMul(get(value), get(z))} (f32x4.gt ${get(value)} ${t.splat(0)}))`;
  fn.emit(
    set(sum, t.splat(0)),
    set(mixed, t.splat(0)),
    ...sweep(fn, 'count', ({ read, only }) => [
      set(z, vMul(vSub(read('x'), splatOf('from')), splatOf('scale'))),
      ...exponential(fn, value, get(z)),
      set(sum, vAdd(get(sum), only(get(value)))),
      set(mixed, vAdd(get(mixed), only(product))),
    ]),
    t.laneSum(sum),
    t.laneSum(mixed),
  );
  return fn;
}

/** `x = x · factor` in `count` elements, then zeros up to `width`. */
function scaleRow(): t.Fn {
  const fn = new t.Fn('scaleRow', { x: 'i32', count: 'i32', width: 'i32', factor: 'f32' });
  fn.emit(
    ...sweep(fn, 'count', ({ read, write }) => [write('x', vMul(read('x'), splatOf('factor')))]),
    `(memory.fill ${t.add(get('x'), t.shiftLeft(get('count'), 2))} ${t.i32(0)}
      ${t.shiftLeft(t.sub(get('width'), get('count')), 2)})`,
  );
  return fn;
}

/** `slopes = weights · (slopes − delta) · scale` */
function scoreGradient(): t.Fn {
  const parameters = { weights: 'i32', slopes: 'i32', count: 'i32', delta: 'f32', scale: 'f32' } as const;
  const fn = new t.Fn('scoreGradient', parameters);
  fn.emit(
    ...sweep(fn, 'count', ({ read, write }) => [
      write('slopes', vMul(vMul(read('weights'), vSub(read('slopes'), splatOf('delta'))), splatOf('scale'))),
    ]),
  );
  return fn;
}

/** Of one row: `output = silu(gate) · up`. */
function gateRow(): t.Fn {
  const fn = new t.Fn('gateRow', { gate: 'i32', up: 'i32', output: 'i32', count: 'i32' });
  const [g, e] = [fn.vector('g'), fn.vector('e')];
  fn.emit(
    ...sweep(fn, 'count', ({ read, write }) => [
      set(g, read('gate')),
      ...exponential(fn, e, `(f32x4.neg ${get(g)})`),
      write('output', vMul(vDiv(get(g), vAdd(t.splat(1), get(e))), read('up'))),
    ]),
  );
  return fn;
}

/** silu(g)·u of one row: dg = d·u·σ·(1 + g·(1 − σ)), du = d·g·σ, σ = 1/(1 + e^−g). */
function gateGradientRow(): t.Fn {
  const names = ['gate', 'up', 'slope', 'gateSlope', 'upSlope', 'count'] as const;
  const fn = new t.Fn('gateGradientRow', Object.fromEntries(names.map((name) => [name, 'i32' as const])));
  const [g, d, s] = [fn.vector('g'), fn.vector('d'), fn.vector('s')];
  const bend = vAdd(t.splat(1), vMul(get(g), vSub(t.splat(1), get(s))));
  fn.emit(
    ...sweep(fn, 'count', ({ read, write }) => [
      set(g, read('gate')),
      set(d, read('slope')),
      ...exponential(fn, s, `(f32x4.neg ${get(g)})`),
      set(s, vDiv(t.splat(1), vAdd(t.splat(1), get(s)))),
      write('gateSlope', vMul(vMul(vMul(get(d), read('up')), get(s)), bend)),
      write('upSlope', vMul(vMul(get(d), get(g)), get(s))),
    ]),
  );
  return fn;
}

/** Logits of one row become −(a·p + b·p·(log p + H))·scale with log p = x · scale − logSumExp; where p is 0, so is the bend. */
function logitGradientRow(): t.Fn {
  const fn = new t.Fn('logitGradientRow', {
    ...{ x: 'i32', count: 'i32', scale: 'f32', logSumExp: 'f32' },
    ...{ byLogProb: 'f32', byEntropy: 'f32', entropy: 'f32' },
  });
  const [logP, p, bend] = [fn.vector('logP'), fn.vector('p'), fn.vector('bend')];
  fn.emit(
    ...sweep(fn, 'count', ({ read, write }) => [
      set(logP, vSub(vMul(read('x'), splatOf('scale')), splatOf('logSumExp'))),
      ...exponential(fn, p, get(logP)),
      set(bend, vMul(vMul(splatOf('byEntropy'), get(p)), vAdd(get(logP), splatOf('entropy')))),
      set(bend, `(v128.and ${get(bend)} (f32x4.gt ${get(p)} ${t.splat(0)}))`),
      write(
        'x',
        `(f32x4.neg ${vMul(vAdd(vMul(splatOf('byLogProb'), get(p)), get(bend)), splatOf('scale'))})`,
      ),
    ]),
  );
  return fn;
}

export const exponentialFunctions = (): t.Fn[] => [
  ...[maximum(), exponentiate(), exponentialSums(), scaleRow(), scoreGradient()],
  ...[gateRow(), gateGradientRow(), logitGradientRow()],
];
