import { dot, EXTENT, literal, makeKernel, vectorOf, type Kernel } from '../kernel';

const THREADS = 64;

/**
 * `output[r] = 1 / sqrt(mean(input[r]²) + epsilon)`. The tiled product multiplies its finished sums by it, so that the
 * normalised activations are never written. Workgroups: [rows].
 */
export function inverseRmsKernel(width: number, epsilon: number): Kernel {
  const { type, count } = vectorOf(width);
  return makeKernel(
    'inverse-rms',
    [
      EXTENT,
      { name: 'input', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: 'array<f32>' },
    ],
    `
var<workgroup> partial: array<f32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  var squares = 0.0;
  for (var k = thread; k < ${count}u; k += ${THREADS}u) {
    let x = input[row * ${count}u + k];
    squares += ${dot(type, 'x', 'x')};
  }
  partial[thread] = squares;
  for (var half = ${THREADS / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  if (thread == 0u) {
    output[row] = inverseSqrt(partial[0] / ${literal(width)} + ${literal(epsilon)});
  }
}`,
  );
}
