/**
 * Products for backward passes, C[m, n] (+)= scale · Σ A(m, k)·B(k, n), from readers of A and B. On hardware a workgroup computes
 * 64 × 64 results, a thread 4 × 4 of them in registers, from tiles in workgroup memory; weights are widened once for a tile. On
 * software adapters, where barriers are dear, a thread computes four rows of a column on its own.
 */
import { bound, EXTENT, literal, makeKernel, range, type Binding, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';

const TILE = 64;
const DEPTH = 16;
const THREADS = 256;
const APART_THREADS = 64;
const APART_ROWS = 4;

export interface ProductForm {
  name: string;
  bindings: readonly Binding[];
  /** WGSL functions `a_at(m, k)` and `b_at(k, n)`. */
  readers: string;
  /** Neighbours in memory of A: along k, or along m. */
  fast: 'k' | 'm';
  /** Sizes; `rows` is the step's number of rows. */
  m: number | 'rows';
  k: number | 'rows';
  n: number;
  /** C[m, n] lies in `result` at m·n's count + n. */
  accumulate: boolean;
  scale: number;
}

/** Workgroups of [n, m]. */
export function productWorkgroups(n: number, m: number, { products }: Tuning): [number, number] {
  return products === 'tiled'
    ? [Math.ceil(n / TILE), Math.ceil(m / TILE)]
    : [Math.ceil(n / APART_THREADS), Math.ceil(m / APART_ROWS)];
}

const sizeOf = (size: number | 'rows', tuning: Tuning): string =>
  size === 'rows' ? 'extent.x' : bound(size, tuning);

export const productGradientKernel = (form: ProductForm, tuning: Tuning): Kernel =>
  makeKernel(
    `${form.name}-${tuning.products}`,
    [EXTENT, ...form.bindings],
    form.readers + (tuning.products === 'tiled' ? tiled(form, tuning) : apart(form, tuning)),
  );

const store = ({ n, accumulate, scale }: ProductForm, row: string, column: string, value: string): string =>
  `result[(${row}) * ${n}u + ${column}] ${accumulate ? '+=' : '='} ${scale === 1 ? value : `${value} * ${literal(scale)}`};`;

function apart(form: ProductForm, tuning: Tuning): string {
  const rows = range(APART_ROWS);
  return `
@compute @workgroup_size(${APART_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = ${sizeOf(form.m, tuning)};
  let first = id.y * ${APART_ROWS}u;
  if (id.x >= ${form.n}u) { return; }
  ${rows.map((i) => `var sum${i} = 0.0; let m${i} = min(first + ${i}u, m - 1u);`).join(' ')}
  for (var k = 0u; k < ${sizeOf(form.k, tuning)}; k += 1u) {
    let b = b_at(k, id.x);
    ${rows.map((i) => `sum${i} += a_at(m${i}, k) * b;`).join(' ')}
  }
  ${rows.map((i) => `if (first + ${i}u < m) { ${store(form, `first + ${i}u`, 'id.x', `sum${i}`)} }`).join('\n  ')}
}`;
}

function tiled(form: ProductForm, tuning: Tuning): string {
  const own = range(4);
  const quads = TILE / 4;
  const [aQuad, aDepth] =
    form.fast === 'k'
      ? [`thread / ${DEPTH}u`, `thread % ${DEPTH}u`]
      : [`thread % ${quads}u`, `thread / ${quads}u`];
  return `
var<workgroup> aTile: array<vec4f, ${DEPTH * quads}>;
var<workgroup> bTile: array<vec4f, ${DEPTH * quads}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let m = ${sizeOf(form.m, tuning)};
  let depth = ${sizeOf(form.k, tuning)};
  let column = group.x * ${TILE}u;
  let row = group.y * ${TILE}u;
  let aQuad = ${aQuad};
  let aDepth = ${aDepth};
  let bQuad = thread % ${quads}u;
  let bDepth = thread / ${quads}u;
  let tx = thread % ${quads}u;
  let ty = thread / ${quads}u;
  ${own.map((i) => `var sum${i} = vec4f();`).join(' ')}
  for (var start = 0u; start < depth; start += ${DEPTH}u) {
    // What lies beyond an edge is read from within it, and beyond the depth counts nothing.
    let ka = min(start + aDepth, depth - 1u);
    let kb = min(start + bDepth, depth - 1u);
    let a = vec4f(${own.map((i) => `a_at(min(row + 4u * aQuad + ${i}u, m - 1u), ka)`).join(', ')});
    let b = vec4f(${own.map((i) => `b_at(kb, min(column + 4u * bQuad + ${i}u, ${form.n - 1}u))`).join(', ')});
    aTile[aDepth * ${quads}u + aQuad] = select(vec4f(), a, start + aDepth < depth);
    bTile[bDepth * ${quads}u + bQuad] = b;
    workgroupBarrier();
    for (var i = 0u; i < ${bound(DEPTH, tuning)}; i += 1u) {
      let x = aTile[i * ${quads}u + ty];
      let y = bTile[i * ${quads}u + tx];
      ${own.map((i) => `sum${i} += x[${i}] * y;`).join(' ')}
    }
    workgroupBarrier();
  }
  ${own
    .map((i) =>
      own
        .map(
          (j) =>
            `if (row + 4u * ty + ${i}u < m && column + 4u * tx + ${j}u < ${form.n}u) { ${store(form, `row + 4u * ty + ${i}u`, `column + 4u * tx + ${j}u`, `sum${i}[${j}]`)} }`,
        )
        .join('\n  '),
    )
    .join('\n  ')}
}`;
}
