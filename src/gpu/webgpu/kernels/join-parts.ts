import type { HeadShape } from '../../backend';
import { KEY_PARTS } from '../../partials';
import { bound, EXTENT, makeKernel, vectorOf, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { partLayout } from './attention';

export const JOIN_THREADS = 64;

/** Elements of a row that threads put together. */
export const joinWork = ({ queryHeads, headSize }: HeadShape): number =>
  queryHeads * vectorOf(headSize).count;

/**
 * Puts the parts of `attentionKernel` together: every part's sums are brought to the largest maximum, then divided by their common sum.
 * Parts beyond a row's keys have a sum of zero. Workgroups: [⌈joinWork / 64⌉, rows].
 */
export function joinPartsKernel(heads: HeadShape, tuning: Tuning): Kernel {
  const { type, count } = vectorOf(heads.headSize);
  const { stride } = partLayout(heads);
  const [maximum, sum] =
    type === 'vec4f'
      ? [`parts[at + ${count}u].x`, `parts[at + ${count}u].y`]
      : [`parts[at + ${count}u]`, `parts[at + ${count + 1}u]`];
  const each = (
    body: string,
  ): string => `for (var part = 0u; part < ${bound(KEY_PARTS, tuning)}; part += 1u) {
    let at = (row_ * ${KEY_PARTS}u + part) * ${stride}u;
    ${body}
  }`;
  return makeKernel(
    'attention-join',
    [
      EXTENT,
      { name: 'parts', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: `array<${type}>` },
    ],
    `
@compute @workgroup_size(${JOIN_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${joinWork(heads)}u) { return; }
  let row_ = id.y * ${heads.queryHeads}u + id.x / ${count}u;
  let place = id.x % ${count}u;
  var largest = -3.0e38;
  ${each(`largest = max(largest, ${maximum});`)}
  var total = 0.0;
  var mix = ${type === 'vec4f' ? 'vec4f()' : '0.0'};
  ${each(`let factor = exp(${maximum} - largest);
    total += factor * ${sum};
    mix += factor * parts[at + place];`)}
  output[row_ * ${count}u + place] = mix / total;
}`,
  );
}
