import type { HeadShape } from '../../backend';
import { EXTENT, literal, makeKernel, type Kernel } from '../kernel';

export const HEAD_NORM_THREADS = 64;

/** Which of the two kinds of heads are normalised. */
export interface HeadNormParts {
  queries: boolean;
  keys: boolean;
}

/** See `HeadNormArguments`; a thread takes on a head. Workgroups: [⌈heads / threads⌉, rows]. */
export function headNormKernel(heads: HeadShape, parts: HeadNormParts, epsilon: number): Kernel {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const stride = (queryHeads + 2 * keyValueHeads) * headSize;
  const first = parts.queries ? 0 : queryHeads;
  const last = parts.keys ? queryHeads + keyValueHeads : queryHeads;
  const weightOf =
    parts.queries && parts.keys
      ? `select(keyWeight[i], queryWeight[i], head < ${queryHeads}u)`
      : `${parts.queries ? 'queryWeight' : 'keyWeight'}[i]`;
  return makeKernel(
    'head-norm',
    [
      EXTENT,
      { name: 'projections', kind: 'write', type: 'array<f32>' },
      ...(parts.queries ? [{ name: 'queryWeight', kind: 'read', type: 'array<f32>' } as const] : []),
      ...(parts.keys ? [{ name: 'keyWeight', kind: 'read', type: 'array<f32>' } as const] : []),
    ],
    `
@compute @workgroup_size(${HEAD_NORM_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let head = ${first}u + id.x;
  if (head >= ${last}u || id.y >= extent.x) { return; }
  let start = id.y * ${stride}u + head * ${headSize}u;
  // extent.y is 0; it keeps compilers from unrolling.
  let end = ${headSize}u + extent.y;
  var squares = 0.0;
  for (var i = 0u; i < end; i += 1u) {
    let x = projections[start + i];
    squares += x * x;
  }
  let scale = inverseSqrt(squares / ${literal(headSize)} + ${literal(epsilon)});
  for (var i = 0u; i < end; i += 1u) { projections[start + i] *= scale * ${weightOf}; }
}`,
  );
}
