import { EXTENT, makeKernel, vectorOf, type Kernel } from '../kernel';
import { siluOf } from './linear-options';

export const GATE_THREADS = 64;

/** `output[r, i] = silu(input[r, i]) · input[r, width + i]`. Workgroups: [⌈width / threads⌉, rows]. */
export function gateKernel(width: number): Kernel {
  const { type, count } = vectorOf(width);
  return makeKernel(
    'gate',
    [
      EXTENT,
      { name: 'input', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: `array<${type}>` },
    ],
    `
${siluOf(type)}

@compute @workgroup_size(${GATE_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${count}u || id.y >= extent.x) { return; }
  let at = id.y * ${2 * count}u + id.x;
  output[id.y * ${count}u + id.x] = silu(input[at]) * input[at + ${count}u];
}`,
  );
}
