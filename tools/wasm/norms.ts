/** RMS norm forward and backward, and AdamW. */
import { sweep } from './sweep';
import * as t from './text';

const { get, set, vAdd, vSub, vMul, vDiv, advance } = t;
const splatOf = (name: string): t.Expression => `(f32x4.splat ${get(name)})`;
const integers = (...names: string[]): Record<string, t.ValueType> =>
  Object.fromEntries(names.map((name) => [name, 'i32' as const]));
/** 1/√(squares / width + epsilon) */
const inverseRoot = (squares: t.Expression): t.Expression =>
  `(f32.div ${t.f32(1)} (f32.sqrt (f32.add (f32.div ${squares} (f32.convert_i32_u ${get('width')})) ${get('epsilon')})))`;

/** `output = weight · input / √(mean(input²) + epsilon)`, row by row; strides in bytes. */
function rmsNorm(): t.Fn {
  const fn = new t.Fn('rmsNorm', {
    ...integers('input', 'inputStride', 'weight', 'output', 'outputStride', 'rows', 'width'),
    epsilon: 'f32',
  });
  const [row, squares, x] = [fn.local('row'), fn.vector('squares'), fn.vector('x')];
  const scale = fn.local('scale', 'f32');
  fn.emit(
    fn.whileBelow(
      row,
      get('rows'),
      set(squares, t.splat(0)),
      ...sweep(fn, 'width', ({ read }) => [
        set(x, read('input')),
        set(squares, vAdd(get(squares), vMul(get(x), get(x)))),
      ]),
      set(scale, inverseRoot(t.laneSum(squares))),
      ...sweep(fn, 'width', ({ read, write }) => [
        write('output', vMul(vMul(read('input'), splatOf(scale)), read('weight'))),
      ]),
      advance('input', get('inputStride')),
      advance('output', get('outputStride')),
      advance(row, t.i32(1)),
    ),
  );
  return fn;
}

/**
 * y = w·x·s, s = 1/√(mean x² + ε): dx = s·w·dy − x·s³·mean(w·dy·x), dw += dy·x·s, row by row. `dw` is 0 where it is not wanted;
 * with `accumulate` dx is added to. dx may be dy.
 */
function normGradient(): t.Fn {
  const fn = new t.Fn('normGradient', {
    ...integers('x', 'xStride', 'weight', 'dy', 'dyStride', 'dx', 'dxStride', 'dw'),
    ...{ ...integers('rows', 'width', 'accumulate'), epsilon: 'f32' },
  });
  const [row, squares, dot] = [fn.local('row'), fn.vector('squares'), fn.vector('dot')];
  const [value, slope, result] = [fn.vector('value'), fn.vector('slope'), fn.vector('result')];
  const [scale, along] = [fn.local('scale', 'f32'), fn.local('along', 'f32')];
  const cube = `(f32.mul ${get(scale)} (f32.mul ${get(scale)} ${get(scale)}))`;
  fn.emit(
    fn.whileBelow(
      row,
      get('rows'),
      set(squares, t.splat(0)),
      set(dot, t.splat(0)),
      ...sweep(fn, 'width', ({ read }) => [
        set(value, read('x')),
        set(squares, vAdd(get(squares), vMul(get(value), get(value)))),
        set(dot, vAdd(get(dot), vMul(vMul(read('weight'), read('dy')), get(value)))),
      ]),
      set(scale, inverseRoot(t.laneSum(squares))),
      set(along, `(f32.div (f32.mul ${cube} ${t.laneSum(dot)}) (f32.convert_i32_u ${get('width')}))`),
      ...sweep(fn, 'width', ({ read, write }) => [
        set(value, read('x')),
        set(slope, vMul(read('dy'), splatOf(scale))),
        t.when(get('dw'), write('dw', vAdd(read('dw'), vMul(get(slope), get(value))))),
        set(result, vSub(vMul(read('weight'), get(slope)), vMul(splatOf(along), get(value)))),
        t.when(get('accumulate'), set(result, vAdd(get(result), read('dx')))),
        write('dx', get(result)),
      ]),
      ...[advance('x', get('xStride')), advance('dy', get('dyStride')), advance('dx', get('dxStride'))],
      advance(row, t.i32(1)),
    ),
  );
  return fn;
}

/** See `AdamWArguments`; `keep` is 1 − rate · decay. */
function adamW(): t.Fn {
  const fn = new t.Fn('adamW', {
    ...integers('value', 'gradient', 'first', 'second', 'count'),
    ...{ rate: 'f32', beta1: 'f32', beta2: 'f32', epsilon: 'f32' },
    ...{ keep: 'f32', correction1: 'f32', correction2: 'f32', scale: 'f32' },
  });
  const [g, m, s] = [fn.vector('g'), fn.vector('m'), fn.vector('s')];
  const rest = (beta: string): t.Expression => `(f32x4.splat (f32.sub ${t.f32(1)} ${get(beta)}))`;
  const change = vDiv(
    vMul(splatOf('rate'), vDiv(get(m), splatOf('correction1'))),
    vAdd(`(f32x4.sqrt ${vDiv(get(s), splatOf('correction2'))})`, splatOf('epsilon')),
  );
  fn.emit(
    ...sweep(fn, 'count', ({ read, write }) => [
      set(g, vMul(read('gradient'), splatOf('scale'))),
      set(m, vAdd(vMul(splatOf('beta1'), read('first')), vMul(rest('beta1'), get(g)))),
      set(s, vAdd(vMul(splatOf('beta2'), read('second')), vMul(rest('beta2'), vMul(get(g), get(g))))),
      write('first', get(m)),
      write('second', get(s)),
      write('value', vSub(vMul(read('value'), splatOf('keep')), change)),
    ]),
  );
  return fn;
}

export const normFunctions = (): t.Fn[] => [rmsNorm(), normGradient(), adamW()];
