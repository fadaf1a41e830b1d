import { TOKEN_FIELDS } from '../../training';
import { EXTENT, literal, makeKernel, type Kernel } from '../kernel';
import { read, reduce, write } from './bindings';

const STATISTICS_THREADS = 256;
export const LOGIT_THREADS = 256;

/** See `tokenStatistics` of the CPU. Workgroups: [rows]. */
export function tokenStatisticsKernel(width: number, temperature: number): Kernel {
  const threads = STATISTICS_THREADS;
  const scale = literal(1 / temperature);
  return makeKernel(
    'token-statistics',
    [
      ...[EXTENT, read('logits', 'f32'), read('targets', 'u32'), read('selected', 'u32')],
      write('statistics', `vec${TOKEN_FIELDS}f`),
    ],
    `
var<workgroup> sums: array<f32, ${threads}>;
var<workgroup> mixed: array<f32, ${threads}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * ${width}u;
  var maximum = logits[start];
  for (var i = thread; i < ${width}u; i += ${threads}u) { maximum = max(maximum, logits[start + i]); }
  sums[thread] = maximum;
  ${reduce((other) => `sums[thread] = max(sums[thread], sums[${other}]);`, threads)}
  maximum = sums[0];
  workgroupBarrier();
  var sum = 0.0;
  var mix = 0.0;
  for (var i = thread; i < ${width}u; i += ${threads}u) {
    // Far below the maximum the weight is 0, and its product must not be 0 · ∞.
    let shifted = max((logits[start + i] - maximum) * ${scale}, -1.0e4);
    let weight = exp(shifted);
    sum += weight;
    mix += weight * shifted;
  }
  sums[thread] = sum;
  mixed[thread] = mix;
  ${reduce((other) => `sums[thread] += sums[${other}]; mixed[thread] += mixed[${other}];`, threads)}
  if (thread == 0u) {
    let logSum = log(sums[0]);
    let chosen = (logits[start + targets[group.x]] - maximum) * ${scale} - logSum;
    statistics[selected[group.x]] = vec4f(chosen, logSum - mixed[0] / sums[0], maximum * ${scale} + logSum, 0.0);
  }
}`,
  );
}

/** See `logitGradient` of the CPU. Workgroups: [⌈width / threads⌉, rows]. */
export function logitGradientKernel(width: number, temperature: number): Kernel {
  const scale = literal(1 / temperature);
  return makeKernel(
    'logit-gradient',
    [
      ...[EXTENT, write('logits', 'f32'), read('targets', 'u32'), read('selected', 'u32')],
      ...[read('statistics', 'vec4f'), read('slopes', 'vec2f')],
    ],
    `
@compute @workgroup_size(${LOGIT_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${width}u || id.y >= extent.x) { return; }
  let at = id.y * ${width}u + id.x;
  let row = selected[id.y];
  let slope = slopes[row];
  let logP = max(logits[at] * ${scale} - statistics[row].z, -1.0e4);
  let p = exp(logP);
  let hit = select(0.0, slope.x, id.x == targets[id.y]);
  logits[at] = (hit - slope.x * p - slope.y * p * (logP + statistics[row].y)) * ${scale};
}`,
  );
}
