import { EXTENT, makeKernel, vectorOf, type Kernel } from '../kernel';

export const SELECT_THREADS = 64;

/** `output[r] = input[indices[r]]`. Workgroups: [⌈width / threads⌉, rows]. */
export function selectRowsKernel(width: number): Kernel {
  const { type, count } = vectorOf(width);
  return makeKernel(
    'select-rows',
    [
      EXTENT,
      { name: 'indices', kind: 'read', type: 'array<u32>' },
      { name: 'input', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: `array<${type}>` },
    ],
    `
@compute @workgroup_size(${SELECT_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${count}u || id.y >= extent.x) { return; }
  output[id.y * ${count}u + id.x] = input[indices[id.y] * ${count}u + id.x];
}`,
  );
}
