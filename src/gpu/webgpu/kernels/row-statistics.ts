import { EXTENT, literal, makeKernel, type Kernel } from '../kernel';

const THREADS = 256;

/** See `RowStatisticsArguments`. Workgroups: [rows]. */
export function rowStatisticsKernel(width: number, temperature = 1): Kernel {
  const scale = literal(1 / temperature);
  return makeKernel(
    'row-statistics',
    [
      EXTENT,
      { name: 'input', kind: 'read', type: 'array<f32>' },
      { name: 'targets', kind: 'read', type: 'array<u32>' },
      { name: 'output', kind: 'write', type: 'array<vec4f>' },
    ],
    `
var<workgroup> value: array<f32, ${THREADS}>;
var<workgroup> place: array<u32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * ${width}u;
  // Threads beyond the row begin with its first element, which cannot win over itself.
  var best = 0u;
  var maximum = input[start];
  for (var i = thread; i < ${width}u; i += ${THREADS}u) {
    let x = input[start + i];
    if (x > maximum) { maximum = x; best = i; }
  }
  value[thread] = maximum;
  place[thread] = best;
  for (var half = ${THREADS / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (thread < half) {
      let x = value[thread + half];
      let i = place[thread + half];
      if (x > value[thread] || (x == value[thread] && i < place[thread])) {
        value[thread] = x;
        place[thread] = i;
      }
    }
  }
  workgroupBarrier();
  maximum = value[0];
  best = place[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var i = thread; i < ${width}u; i += ${THREADS}u) { sum += exp((input[start + i] - maximum) * ${scale}); }
  value[thread] = sum;
  for (var half = ${THREADS / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (thread < half) { value[thread] += value[thread + half]; }
  }
  if (thread == 0u) {
    output[group.x] = vec4f(f32(best), maximum, maximum * ${scale} + log(value[0]), input[start + targets[group.x]]);
  }
}`,
  );
}
