/** Kernels over all elements of a tensor, however many: threads go on in strides. */
import {
  ADAM_BETA1,
  ADAM_BETA2,
  ADAM_CORRECTION1,
  ADAM_CORRECTION2,
  ADAM_DECAY,
  ADAM_EPSILON,
  ADAM_RATE,
  ADAM_SCALE,
  SQUARE_PARTS,
} from '../../training';
import { EXTENT, makeKernel, type Kernel } from '../kernel';
import { read, reduce, write } from './bindings';

const THREADS = 256;
const MOST_WORKGROUPS = 4096;

export const elementWorkgroups = (count: number): [number, number] => [
  Math.min(MOST_WORKGROUPS, Math.ceil(count / THREADS)),
  1,
];

const each = (count: number, body: string): string => `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < ${count}u; i += groups.x * ${THREADS}u) {
    ${body}
  }
}`;

export const clearKernel = (count: number): Kernel =>
  makeKernel('clear', [EXTENT, write('output', 'f32')], each(count, 'output[i] = 0.0;'));

export const adamWKernel = (count: number): Kernel =>
  makeKernel(
    'adamw',
    [
      ...[EXTENT, read('settings', 'f32'), read('gradient', 'f32')],
      ...[write('value', 'f32'), write('first', 'f32'), write('second', 'f32')],
    ],
    each(
      count,
      `let rate = settings[${ADAM_RATE}];
    let g = gradient[i] * settings[${ADAM_SCALE}];
    let m = settings[${ADAM_BETA1}] * first[i] + (1.0 - settings[${ADAM_BETA1}]) * g;
    let s = settings[${ADAM_BETA2}] * second[i] + (1.0 - settings[${ADAM_BETA2}]) * g * g;
    first[i] = m;
    second[i] = s;
    value[i] = value[i] * (1.0 - rate * settings[${ADAM_DECAY}])
      - rate * (m / settings[${ADAM_CORRECTION1}]) / (sqrt(s / settings[${ADAM_CORRECTION2}]) + settings[${ADAM_EPSILON}]);`,
    ),
  );

/** The output is one row of sums; it is added to from the second shard of a tensor on. Workgroups: [SQUARE_PARTS]. */
export const squareSumKernel = (count: number, accumulate: boolean): Kernel =>
  makeKernel(
    'square-sum',
    [EXTENT, read('input', 'f32'), write('output', 'f32')],
    `
var<workgroup> sums: array<f32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = group.x * ${THREADS}u + thread; i < ${count}u; i += ${THREADS * SQUARE_PARTS}u) { sum += input[i] * input[i]; }
  sums[thread] = sum;
  ${reduce((other) => `sums[thread] += sums[${other}];`, THREADS)}
  if (thread == 0u) { output[group.x] ${accumulate ? '+=' : '='} sums[0]; }
}`,
  );
