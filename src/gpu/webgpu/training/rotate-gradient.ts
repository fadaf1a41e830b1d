import type { HeadShape } from '../../backend';
import { headWidth } from '../../training-checks';
import { EXTENT, makeKernel, type Kernel } from '../kernel';
import { read, THREADS, write } from './bindings';

/** Threads a row: one for each pair of the queries and keys. */
export const rotatePairs = ({ queryHeads, keyValueHeads, headSize }: HeadShape): number =>
  ((queryHeads + keyValueHeads) * headSize) / 2;

/** Workgroups: [⌈pairs / threads⌉, rows]. */
export function rotateGradientKernel(heads: HeadShape): Kernel {
  const half = heads.headSize / 2;
  return makeKernel(
    'rotate-gradient',
    [EXTENT, read('rowTable', 'vec4u'), read('angles', 'f32'), write('gradient', 'f32')],
    `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${rotatePairs(heads)}u || id.y >= extent.x) { return; }
  let i = id.x % ${half}u;
  let at = id.y * ${headWidth(heads)}u + (id.x / ${half}u) * ${heads.headSize}u + i;
  let angle = rowTable[id.y].y * ${heads.headSize}u + i;
  let cosine = angles[angle];
  let sine = angles[angle + ${half}u];
  let a = gradient[at];
  let b = gradient[at + ${half}u];
  gradient[at] = a * cosine + b * sine;
  gradient[at + ${half}u] = b * cosine - a * sine;
}`,
  );
}
