import { bound, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { linearBindings, siluOf, storeResult, type LinearShape } from './linear-options';

/** Rows and columns of the output per workgroup. */
export const TILE_ROWS = 64;
export const TILE_COLUMNS = 64;
/** Depth of one pass through workgroup memory: (64 + 2·64) · 16 floats = 12 KiB at most. */
const TILE_DEPTH = 16;
const THREADS = 256;

/**
 * Matrix product for steps of many rows. A workgroup computes 64 × 64 outputs, a thread 4 × 4 of them in registers, from tiles of input and weight in workgroup memory, kept depth-first so that a thread reads vec4s. Workgroups: [⌈outputs/64⌉, ⌈rows/64⌉].
 */
export function linearTiledKernel(shape: LinearShape, tuning: Tuning): Kernel {
  const { inputs, outputs, firstOutput, outputColumn, outputStride, epsilon, gated } = shape;
  const perThread = TILE_ROWS / 16;
  const normed = epsilon !== undefined;
  const weights = gated ? ['b', 'c'] : ['b'];
  // A thread fills the same depth for four neighbouring rows; neighbouring threads take neighbouring depths. Rows beyond
  // the end are read as they come (WebGPU keeps reads inside the buffer): their results are not stored.
  const loadWeight = (name: string, offset: number): string => `
    {
      let at = (columns + 4u * quad + ${offset}u) * ${inputs}u + k;
      ${name}Tile[depth * ${TILE_COLUMNS / 4}u + quad] =
        vec4f(${range(4)
          .map((i) => `weight[at + ${i * inputs}u]`)
          .join(', ')});
    }`;
  // Four results of a row are stored as one where rows begin at multiples of four.
  const wide = [outputs, firstOutput, outputColumn, outputStride].every((size) => size % 4 === 0);
  const inputQuads = TILE_ROWS / 4;
  const whole = inputs % TILE_DEPTH === 0;
  const bindings = linearBindings(shape, { vector: 'f32', wide, inverseRms: 'given' });
  return makeKernel(
    'linear-tiled',
    bindings,
    `
${gated ? siluOf('vec4f') : ''}
var<workgroup> aTile: array<vec4f, ${(TILE_DEPTH * TILE_ROWS) / 4}>;
${weights.map((name) => `var<workgroup> ${name}Tile: array<vec4f, ${(TILE_DEPTH * TILE_COLUMNS) / 4}>;`).join('\n')}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let columns = group.x * ${TILE_COLUMNS}u;
  let rows = group.y * ${TILE_ROWS}u;
  let depth = thread % ${TILE_DEPTH}u;
  let quad = thread / ${TILE_DEPTH}u;
  let tx = thread % 16u;
  let ty = thread / 16u;
  ${weights
    .map((name) => range(perThread).map((i) => `var ${name}${i} = vec4f();`))
    .flat()
    .join(' ')}
  for (var start = 0u; start < ${bound(inputs, tuning)}; start += ${TILE_DEPTH}u) {
    ${whole ? 'let k = start + depth;' : `let k = min(start + depth, ${inputs - 1}u);`}
    {
      let at = (rows + 4u * quad) * ${inputs}u + k;
      var v = vec4f(${range(4)
        .map((i) => `input[at + ${i * inputs}u]`)
        .join(', ')});
      ${normed ? 'v *= normWeight[k];' : ''}
      ${whole ? '' : `v *= f32(start + depth < ${inputs}u);`}
      aTile[depth * ${inputQuads}u + quad] = v;
    }
    ${loadWeight('b', 0)}
    ${gated ? loadWeight('c', outputs) : ''}
    workgroupBarrier();
    for (var i = 0u; i < ${bound(TILE_DEPTH, tuning)}; i += 1u) {
      let a = aTile[i * ${inputQuads}u + ty];
      ${weights
        .map(
          (name) => `let ${name} = ${name}Tile[i * ${TILE_COLUMNS / 4}u + tx];
      ${range(perThread)
        .map((i) => `${name}${i} += a[${i}] * ${name};`)
        .join(' ')}`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  let column = columns + 4u * tx;
  ${range(perThread)
    .map((i) => {
      const result = gated ? `silu(b${i} * scale) * (c${i} * scale)` : `b${i} * scale`;
      const at = `(row * ${outputStride}u + ${outputColumn}u + column)`;
      const one = (j: number): string =>
        `if (column + ${j}u < ${outputs}u) { ${storeResult(shape, `result[${j}]`, `column + ${j}u`, `${at} + ${j}u`)} }`;
      return `
  {
    let row = rows + ty * ${perThread}u + ${i}u;
    if (row < extent.x${wide ? ` && column < ${outputs}u` : ''}) {
      let scale = ${normed ? 'inverseRms[row]' : '1.0'};
      let result = ${result};
      ${wide ? storeResult(shape, 'result', 'column', at, 4) : range(4).map(one).join('\n      ')}
    }
  }`;
    })
    .join('')}
}`,
  );
}
