import { EXTENT, makeKernel, vectorOf, type Kernel } from '../kernel';

export const COPY_THREADS = 64;
/** The most workgroups that WebGPU promises along one dimension; more rows are taken in turns. */
export const COPY_MAX_ROWS = 65535;

/** See `CopyCacheArguments`. Workgroups: [⌈width / threads⌉, min(rows, COPY_MAX_ROWS)]. */
export function copyCacheKernel(width: number, capacity: number): Kernel {
  const { type, count } = vectorOf(width);
  return makeKernel(
    'copy-cache',
    [
      EXTENT,
      { name: 'copyTable', kind: 'read', type: 'array<u32>' },
      { name: 'keys', kind: 'write', type: `array<${type}>` },
      { name: 'values', kind: 'write', type: `array<${type}>` },
    ],
    `
@compute @workgroup_size(${COPY_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${count}u) { return; }
  let source = (copyTable[0] * ${capacity}u + copyTable[2]) * ${count}u + id.x;
  let goal = (copyTable[1] * ${capacity}u + copyTable[2]) * ${count}u + id.x;
  for (var row = id.y; row < extent.x; row += ${COPY_MAX_ROWS}u) {
    keys[goal + row * ${count}u] = keys[source + row * ${count}u];
    values[goal + row * ${count}u] = values[source + row * ${count}u];
  }
}`,
  );
}
