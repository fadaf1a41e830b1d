/** Kernels that move and add up rows. */
import { EXTENT, makeKernel, type Kernel } from '../kernel';
import { read, THREADS, write } from './bindings';

const MAIN = `@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u)`;

/** Row i to row i, or to row `indices[i]`. Workgroups: [⌈width / threads⌉, rows]. */
export const moveRowsKernel = (width: number, scattered: boolean): Kernel =>
  makeKernel(
    scattered ? 'scatter-rows' : 'copy-rows',
    [EXTENT, ...(scattered ? [read('indices', 'u32')] : []), read('input', 'f32'), write('output', 'f32')],
    `
${MAIN} {
  if (id.x >= ${width}u || id.y >= extent.x) { return; }
  output[${scattered ? 'indices[id.y]' : 'id.y'} * ${width}u + id.x] = input[id.y * ${width}u + id.x];
}`,
  );

/** Workgroups: [⌈width / threads⌉]. */
export const biasGradientKernel = (width: number): Kernel =>
  makeKernel(
    'bias-gradient',
    [EXTENT, read('outputGradient', 'f32'), write('biasGradient', 'f32')],
    `
${MAIN} {
  if (id.x >= ${width}u) { return; }
  var sum = 0.0;
  for (var row = 0u; row < extent.x; row += 1u) { sum += outputGradient[row * ${width}u + id.x]; }
  biasGradient[id.x] += sum;
}`,
  );

/**
 * The first row of each token adds up all rows of it, so that no two workgroups write to one place. `firstRow` and `rows` are the
 * tokens of the bound shard. Workgroups: [⌈width / threads⌉, rows].
 */
export const embedGradientKernel = (width: number, firstRow: number, rows: number): Kernel =>
  makeKernel(
    'embed-gradient',
    [EXTENT, read('rowTable', 'vec4u'), read('outputGradient', 'f32'), write('tableGradient', 'f32')],
    `
${MAIN} {
  if (id.x >= ${width}u || id.y >= extent.x) { return; }
  let token = rowTable[id.y].x;
  if (token < ${firstRow}u || token >= ${firstRow + rows}u) { return; }
  for (var row = 0u; row < id.y; row += 1u) { if (rowTable[row].x == token) { return; } }
  var sum = 0.0;
  for (var row = id.y; row < extent.x; row += 1u) {
    if (rowTable[row].x == token) { sum += outputGradient[row * ${width}u + id.x]; }
  }
  tableGradient[(token - ${firstRow}u) * ${width}u + id.x] += sum;
}`,
  );
