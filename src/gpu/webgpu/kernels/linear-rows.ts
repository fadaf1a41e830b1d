import { bound, dot, literal, makeKernel, range, vectorOf, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { linearBindings, siluOf, storeResult, type LinearShape } from './linear-options';

const THREADS = 64;

export interface RowsForm {
  /** Threads that share one sum; a power of two, 1 … 64. */
  lanes: number;
  /** Rows that a thread computes, reading each weight once for all of them. */
  rows: number;
}

/** Enough lanes that each has a few loads left, and neighbouring threads read neighbouring weights. */
export function lanesFor(inputs: number): number {
  const { count } = vectorOf(inputs);
  return count >= 512 ? 32 : count >= 32 ? 16 : 4;
}

/** Workgroups of a step. */
export const rowsWorkgroups = (
  { lanes, rows }: RowsForm,
  outputs: number,
  stepRows: number,
): [number, number] => [Math.ceil((outputs * lanes) / THREADS), Math.ceil(stepRows / rows)];

/**
 * Matrix product for steps of few rows (decode), and for software adapters. The RMS norm costs nothing extra: the squares
 * are summed along with the product.
 */
export function linearRowsKernel(shape: LinearShape, form: RowsForm, tuning: Tuning): Kernel {
  const { inputs, outputs, firstOutput, outputStride, epsilon, gated } = shape;
  const { type, count } = vectorOf(inputs);
  const { lanes } = form;
  const normed = epsilon !== undefined;
  const bindings = linearBindings(shape, { vector: type, wide: false, inverseRms: 'computed' });
  const rows = range(form.rows);
  // Of every row: the sum, with a gate the other sum, with a norm the sum of squares.
  const sumsOf = (row: number): string[] => [
    `sum${row}`,
    ...(gated ? [`other${row}`] : []),
    ...(normed ? [`squares${row}`] : []),
  ];
  const sums = rows.flatMap(sumsOf);
  const reduce = `
  ${sums.map((sum, i) => `shared_[${i * THREADS}u + thread] = ${sum};`).join('\n  ')}
  for (var half = ${lanes / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (lane < half) {
      for (var i = thread; i < ${bound(sums.length * THREADS, tuning)}; i += ${THREADS}u) { shared_[i] += shared_[i + half]; }
    }
  }
  ${sums.map((sum, i) => `${sum} = shared_[${i * THREADS}u + thread];`).join('\n  ')}`;
  const finish = (row: number): string => {
    const scale = normed ? `inverseSqrt(squares${row} / ${literal(inputs)} + ${literal(epsilon)})` : '1.0';
    const result = gated ? `silu(sum${row} * scale) * (other${row} * scale)` : `sum${row} * scale`;
    const at = `(first + ${row}u) * ${outputStride}u + ${firstOutput}u + column`;
    return `
  if (first + ${row}u < extent.x) { let scale = ${scale}; ${storeResult(shape, result, 'column', at)} }`;
  };
  return makeKernel(
    `linear-rows-${form.rows}`,
    bindings,
    `
${gated ? siluOf('f32') : ''}
${lanes > 1 ? `var<workgroup> shared_: array<f32, ${sums.length * THREADS}>;` : ''}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = group.y * ${form.rows}u;
  let lane = thread % ${lanes}u;
  let column = (group.x * ${THREADS}u + thread) / ${lanes}u;
  ${sums.map((sum) => `var ${sum} = 0.0;`).join(' ')}
  if (column < ${outputs}u) {
    for (var k = lane; k < ${bound(count, tuning)}; k += ${lanes}u) {
      ${normed ? 'let g = normWeight[k];' : ''}
      let w = weight[column * ${count}u + k]${normed ? ' * g' : ''};
      ${gated ? `let u = weight[(column + ${outputs}u) * ${count}u + k]${normed ? ' * g' : ''};` : ''}
      ${rows
        .map(
          (row) => `{
        let x = input[(first + ${row}u) * ${count}u + k];
        sum${row} += ${dot(type, 'x', 'w')};
        ${gated ? `other${row} += ${dot(type, 'x', 'u')};` : ''}
        ${normed ? `squares${row} += ${dot(type, 'x', 'x')};` : ''}
      }`,
        )
        .join('\n      ')}
    }
  }
  ${lanes > 1 ? reduce : ''}
  if (lane != 0u || column >= ${outputs}u) { return; }
  ${rows.map(finish).join('')}
}`,
  );
}
