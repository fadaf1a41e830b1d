import { bound, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { linearBindings, siluOf, storeResult, type LinearShape } from './linear-options';
import { readerStorage, SCALE_FUNCTION, weightReader } from './weight-code';

/** Rows and columns of the output per workgroup. */
export const TILE_ROWS = 64;
export const TILE_COLUMNS = 64;
const THREADS = 256;

/**
 * Depth of one pass through workgroup memory. Of f32, (64 + 2·64) · 16 floats are 12 KiB; with weights in f16 there is
 * room for twice the depth within 16 KiB.
 */
const depthOf = ({ f16 }: Tuning): number => (f16 ? 32 : 16);

/**
 * Matrix product for steps of many rows. A workgroup computes 64 × 64 outputs, a thread 4 × 4 of them in registers, from
 * tiles of input and weight in workgroup memory, kept depth-first so that a thread reads vec4s. Weights are widened once
 * per tile. Workgroups: [⌈outputs/64⌉, ⌈rows/64⌉].
 */
export function linearTiledKernel(shape: LinearShape, tuning: Tuning): Kernel {
  const { type, inputs, outputs, firstOutput, outputColumn, outputStride, gated } = shape;
  const depth = depthOf(tuning);
  const perThread = TILE_ROWS / 16;
  const tiles = gated
    ? [
        { name: 'b', read: 'weight_at', row: shape.weightRow },
        { name: 'c', read: 'other_at', row: shape.otherRow },
      ]
    : [{ name: 'b', read: 'weight_at', row: shape.weightRow }];
  const stored = tuning.f16 ? 'vec4<f16>' : 'vec4f';
  // A thread fills the same depth for four neighbouring rows; neighbouring threads take neighbouring depths. Rows beyond
  // the end are read as they come (WebGPU keeps reads inside the buffer): their results are not stored.
  const whole = inputs % depth === 0;
  const quads = range(((TILE_COLUMNS / 4) * depth) / THREADS);
  const fill = quads
    .map((i) => {
      const quad = `(quad + ${(i * THREADS) / depth}u)`;
      const place = `[depth * ${TILE_COLUMNS / 4}u + ${quad}]`;
      const weights = tiles.map(({ name, read, row }) => {
        const values = range(4).map((j) => `${read}(columns + 4u * ${quad} + ${row + j}u, k)`);
        return `${name}Tile${place} = ${stored}(vec4f(${values.join(', ')}));`;
      });
      const x = range(4).map((j) => `input[at + ${j * inputs}u]`);
      return `
    {
      let at = (rows + 4u * ${quad}) * ${inputs}u + k;
      aTile${place} = vec4f(${x.join(', ')})${whole ? '' : ` * f32(start + depth < ${inputs}u)`};
      ${weights.join('\n      ')}
    }`;
    })
    .join('');
  // Four results of a row are stored as one where rows begin at multiples of four.
  const wide = [outputs, firstOutput, outputColumn, outputStride].every((size) => size % 4 === 0);
  const bindings = linearBindings(shape, {
    ...{ input: 'f32', weight: readerStorage(type), output: wide ? 'vec4f' : 'f32' },
  });
  const sums = (use: (name: string, i: number) => string): string =>
    tiles.flatMap(({ name }) => range(perThread).map((i) => use(name, i))).join(' ');
  return makeKernel(
    `linear-tiled-${type}`,
    bindings,
    `
${type === 'f32' ? '' : SCALE_FUNCTION}
${weightReader(type, inputs, 'weight_at', 'weight', 'scales')}
${gated ? weightReader(type, inputs, 'other_at', 'other', 'otherScales') + siluOf('vec4f') : ''}
var<workgroup> aTile: array<vec4f, ${(depth * TILE_ROWS) / 4}>;
${tiles.map(({ name }) => `var<workgroup> ${name}Tile: array<${stored}, ${(depth * TILE_COLUMNS) / 4}>;`).join('\n')}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let columns = group.x * ${TILE_COLUMNS}u;
  let rows = group.y * ${TILE_ROWS}u;
  let depth = thread % ${depth}u;
  let quad = thread / ${depth}u;
  let tx = thread % 16u;
  let ty = thread / 16u;
  ${sums((name, i) => `var ${name}${i} = vec4f();`)}
  for (var start = 0u; start < ${bound(inputs, tuning)}; start += ${depth}u) {
    let k = ${whole ? 'start + depth' : `min(start + depth, ${inputs - 1}u)`};${fill}
    workgroupBarrier();
    for (var i = 0u; i < ${bound(depth, tuning)}; i += 1u) {
      let a = aTile[i * ${TILE_ROWS / 4}u + ty];
      ${tiles.map(({ name }) => `let ${name} = vec4f(${name}Tile[i * ${TILE_COLUMNS / 4}u + tx]);`).join('\n      ')}
      ${sums((name, i) => `${name}${i} += a[${i}] * ${name};`)}
    }
    workgroupBarrier();
  }
  let column = columns + 4u * tx;
  ${range(perThread)
    .map((i) => {
      const result = gated ? `silu(b${i}) * c${i}` : `b${i}`;
      const at = `(row * ${outputStride}u + ${outputColumn}u + column)`;
      const one = (j: number): string =>
        `if (column + ${j}u < ${outputs}u) { ${storeResult(shape, `result[${j}]`, `column + ${j}u`, `${at} + ${j}u`)} }`;
      return `
  {
    let row = rows + ty * ${perThread}u + ${i}u;
    if (row < extent.x${wide ? ` && column < ${outputs}u` : ''}) {
      let result = ${result};
      ${wide ? storeResult(shape, 'result', 'column', at, 4) : range(4).map(one).join('\n      ')}
    }
  }`;
    })
    .join('')}
}`,
    tuning.f16 ? ['f16'] : [],
  );
}

export const tiledWorkgroups = (outputs: number, rows: number): [number, number] => [
  Math.ceil(outputs / TILE_COLUMNS),
  Math.ceil(rows / TILE_ROWS),
];
