import { EXTENT, makeKernel, type Kernel } from '../kernel';
import { read, THREADS, write } from './bindings';

/** See `gateGradient` of the CPU. Workgroups: [⌈width / threads⌉, rows]. */
export const gateGradientKernel = (width: number): Kernel =>
  makeKernel(
    'gate-gradient',
    [EXTENT, read('input', 'f32'), read('outputGradient', 'f32'), write('inputGradient', 'f32')],
    `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${width}u || id.y >= extent.x) { return; }
  let at = id.y * ${2 * width}u + id.x;
  let g = input[at];
  let slope = outputGradient[id.y * ${width}u + id.x];
  let sigmoid = 1.0 / (1.0 + exp(-max(g, -80.0)));
  inputGradient[at] = slope * input[at + ${width}u] * sigmoid * (1.0 + g * (1.0 - sigmoid));
  inputGradient[at + ${width}u] = slope * g * sigmoid;
}`,
  );
