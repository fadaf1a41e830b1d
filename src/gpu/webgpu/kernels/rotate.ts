import type { HeadShape } from '../../backend';
import { EXTENT, makeKernel, type Kernel } from '../kernel';

export const ROTATE_THREADS = 64;

/** Threads per row: one for each pair of the queries and keys, and one for each value. */
export const rotateWork = ({ queryHeads, keyValueHeads, headSize }: HeadShape): number =>
  ((queryHeads + keyValueHeads) * headSize) / 2 + keyValueHeads * headSize;

/** See `RotateArguments`. Workgroups: [⌈work / threads⌉, rows]. */
export function rotateKernel(heads: HeadShape, capacity: number): Kernel {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const half = headSize / 2;
  const queryPairs = queryHeads * half;
  const pairs = queryPairs + keyValueHeads * half;
  const keyValueWidth = keyValueHeads * headSize;
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  return makeKernel(
    'rotate',
    [
      EXTENT,
      { name: 'rowTable', kind: 'read', type: 'array<vec4u>' },
      { name: 'angles', kind: 'read', type: 'array<f32>' },
      { name: 'projections', kind: 'write', type: 'array<f32>' },
      { name: 'keys', kind: 'write', type: 'array<f32>' },
      { name: 'values', kind: 'write', type: 'array<f32>' },
    ],
    `
@compute @workgroup_size(${ROTATE_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y;
  if (id.x >= ${rotateWork(heads)}u || row >= extent.x) { return; }
  let position = rowTable[row].y;
  let cell = (rowTable[row].z * ${capacity}u + position) * ${keyValueWidth}u;
  if (id.x >= ${pairs}u) {
    let i = id.x - ${pairs}u;
    values[cell + i] = projections[row * ${stride}u + ${(queryHeads + keyValueHeads) * headSize}u + i];
    return;
  }
  // Queries and keys lie side by side, so that the pair's head and place count through both.
  let head = id.x / ${half}u;
  let i = id.x % ${half}u;
  let at = row * ${stride}u + head * ${headSize}u + i;
  let cosine = angles[position * ${headSize}u + i];
  let sine = angles[position * ${headSize}u + ${half}u + i];
  let a = projections[at];
  let b = projections[at + ${half}u];
  let first = a * cosine - b * sine;
  let second = b * cosine + a * sine;
  if (id.x < ${queryPairs}u) {
    projections[at] = first;
    projections[at + ${half}u] = second;
  } else {
    let key = cell + (head - ${queryHeads}u) * ${headSize}u + i;
    keys[key] = first;
    keys[key + ${half}u] = second;
  }
}`,
  );
}
