import type { HeadShape } from '../../backend';
import { headWidth } from '../../training-checks';
import { bound, EXTENT, literal, makeKernel, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { read, THREADS, write } from './bindings';

/** Some of the heads of a row of projections: the queries', or the keys'. */
export interface HeadRange {
  first: number;
  count: number;
}

const factorOf = (size: number, epsilon: number, tuning: Tuning): string => `
fn factor_at(at: u32) -> f32 {
  var squares = 0.0;
  for (var i = 0u; i < ${bound(size, tuning)}; i += 1u) { let x = input[at + i]; squares += x * x; }
  return inverseSqrt(squares / ${literal(size)} + ${literal(epsilon)});
}`;

/** In place on the gradient. Workgroups: [⌈heads / threads⌉, rows]. */
export function headNormGradientKernel(
  heads: HeadShape,
  range: HeadRange,
  epsilon: number,
  tuning: Tuning,
): Kernel {
  const size = heads.headSize;
  return makeKernel(
    'head-norm-gradient',
    [EXTENT, read('input', 'f32'), read('weight', 'f32'), write('gradient', 'f32')],
    `${factorOf(size, epsilon, tuning)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${range.count}u || id.y >= extent.x) { return; }
  let at = id.y * ${headWidth(heads)}u + (${range.first}u + id.x) * ${size}u;
  let s = factor_at(at);
  var product = 0.0;
  for (var i = 0u; i < ${bound(size, tuning)}; i += 1u) { product += weight[i] * gradient[at + i] * input[at + i]; }
  let along = s * s * s * product / ${literal(size)};
  for (var i = 0u; i < ${bound(size, tuning)}; i += 1u) {
    gradient[at + i] = s * weight[i] * gradient[at + i] - along * input[at + i];
  }
}`,
  );
}

/** Before the gradient is changed in place. Workgroups: [⌈headSize / threads⌉]. */
export function headNormWeightGradientKernel(
  heads: HeadShape,
  range: HeadRange,
  epsilon: number,
  tuning: Tuning,
): Kernel {
  const size = heads.headSize;
  return makeKernel(
    'head-norm-weight-gradient',
    [EXTENT, read('input', 'f32'), read('gradient', 'f32'), write('weightGradient', 'f32')],
    `${factorOf(size, epsilon, tuning)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${size}u) { return; }
  var sum = 0.0;
  for (var row = 0u; row < extent.x; row += 1u) {
    for (var head = 0u; head < ${bound(range.count, tuning)}; head += 1u) {
      let at = row * ${headWidth(heads)}u + (${range.first}u + head) * ${size}u;
      sum += gradient[at + id.x] * input[at + id.x] * factor_at(at);
    }
  }
  weightGradient[id.x] += sum;
}`,
  );
}
