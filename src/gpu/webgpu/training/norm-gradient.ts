import { EXTENT, literal, makeKernel, type Kernel } from '../kernel';
import { read, reduce, THREADS, write } from './bindings';

/** See `normGradient` of the CPU. With `factors`, s of each row is kept for the weight's gradient. Workgroups: [rows]. */
export function normGradientKernel(
  width: number,
  epsilon: number,
  { accumulate, factors }: { accumulate: boolean; factors: boolean },
): Kernel {
  return makeKernel(
    'norm-gradient',
    [
      ...[EXTENT, read('input', 'f32'), read('weight', 'f32'), read('outputGradient', 'f32')],
      write('inputGradient', 'f32'),
      ...(factors ? [write('factors', 'f32')] : []),
    ],
    `
var<workgroup> squares: array<f32, ${THREADS}>;
var<workgroup> dots: array<f32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * ${width}u;
  var square = 0.0;
  var product = 0.0;
  for (var i = thread; i < ${width}u; i += ${THREADS}u) {
    let x = input[start + i];
    square += x * x;
    product += weight[i] * outputGradient[start + i] * x;
  }
  squares[thread] = square;
  dots[thread] = product;
  ${reduce((other) => `squares[thread] += squares[${other}]; dots[thread] += dots[${other}];`)}
  let s = inverseSqrt(squares[0] / ${literal(width)} + ${literal(epsilon)});
  let along = s * s * s * dots[0] / ${literal(width)};
  for (var i = thread; i < ${width}u; i += ${THREADS}u) {
    let value = s * weight[i] * outputGradient[start + i] - along * input[start + i];
    inputGradient[start + i] ${accumulate ? '+=' : '='} value;
  }
  ${factors ? 'if (thread == 0u) { factors[group.x] = s; }' : ''}
}`,
  );
}

/** `weightGradient += Σ rows of outputGradient · input · s`. Workgroups: [⌈width / threads⌉]. */
export function normWeightGradientKernel(width: number): Kernel {
  return makeKernel(
    'norm-weight-gradient',
    [
      ...[EXTENT, read('input', 'f32'), read('outputGradient', 'f32'), read('factors', 'f32')],
      write('weightGradient', 'f32'),
    ],
    `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${width}u) { return; }
  var sum = 0.0;
  for (var row = 0u; row < extent.x; row += 1u) {
    let at = row * ${width}u + id.x;
    sum += outputGradient[at] * input[at] * factors[row];
  }
  weightGradient[id.x] += sum;
}`,
  );
}
