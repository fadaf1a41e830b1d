import { dot, EXTENT, literal, makeKernel, vectorOf, type Kernel } from '../kernel';

const THREADS = 64;

/**
 * `output[r] = weight · input[r] / sqrt(mean(input[r]²) + epsilon)`, for products that read their input more often than
 * they could normalise it along the way. Workgroups: [rows].
 */
export function normaliseKernel(width: number, epsilon: number): Kernel {
  const { type, count } = vectorOf(width);
  return makeKernel(
    'normalise',
    [
      EXTENT,
      { name: 'input', kind: 'read', type: `array<${type}>` },
      { name: 'weight', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: `array<${type}>` },
    ],
    `
var<workgroup> partial: array<f32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * ${count}u;
  var squares = 0.0;
  for (var k = thread; k < ${count}u; k += ${THREADS}u) {
    let x = input[start + k];
    squares += ${dot(type, 'x', 'x')};
  }
  partial[thread] = squares;
  for (var half = ${THREADS / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  workgroupBarrier();
  let scale = inverseSqrt(partial[0] / ${literal(width)} + ${literal(epsilon)});
  for (var k = thread; k < ${count}u; k += ${THREADS}u) {
    output[start + k] = input[start + k] * scale * weight[k];
  }
}`,
  );
}
