import { bound, dot, literal, makeKernel, range, vectorOf, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { linearBindings, siluOf, storeResult, type LinearShape } from './linear-options';

const THREADS = 64;

export interface RowsForm {
  /** Threads that share one sum; a power of two, 1 … 64. */
  lanes: number;
  /** Rows that a thread computes, reading each weight once for all of them. */
  rows: number;
  /** Columns that a thread computes, reading each input once for all of them. */
  columns: number;
}

/** Enough lanes that each has a few loads left, and neighbouring threads read neighbouring weights. */
export function lanesFor(inputs: number): number {
  const { count } = vectorOf(inputs);
  return count >= 512 ? 32 : count >= 32 ? 16 : 4;
}

/** Workgroups of a step. */
export const rowsWorkgroups = (
  { lanes, rows, columns }: RowsForm,
  outputs: number,
  stepRows: number,
): [number, number] => [
  Math.ceil((Math.ceil(outputs / columns) * lanes) / THREADS),
  Math.ceil(stepRows / rows),
];

/**
 * Matrix product for steps of few rows (decode), and for software adapters. The RMS norm costs nothing extra: the squares
 * are summed along with the product.
 */
export function linearRowsKernel(shape: LinearShape, form: RowsForm, tuning: Tuning): Kernel {
  const { inputs, outputs, outputColumn, outputStride, epsilon, gated } = shape;
  const { type, count } = vectorOf(inputs);
  const { lanes } = form;
  const normed = epsilon !== undefined;
  const bindings = linearBindings(shape, { vector: type, wide: false, inverseRms: 'computed' });
  const rows = range(form.rows);
  const columns = range(form.columns);
  // Of every row: the sum of each column, with a gate the other sum too, with a norm the sum of squares.
  const sumsOf = (row: number): string[] => [
    ...columns.flatMap((c) => [`sum${row}_${c}`, ...(gated ? [`other${row}_${c}`] : [])]),
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
  // A column beyond the last is read as the last one, and not stored.
  const whole = outputs % form.columns === 0;
  const columnAt = (c: number): string =>
    whole || c === 0 ? `(column + ${c}u)` : `min(column + ${c}u, ${outputs - 1}u)`;
  const finishColumn = (row: number, c: number): string => {
    const result = gated
      ? `silu(sum${row}_${c} * scale) * (other${row}_${c} * scale)`
      : `sum${row}_${c} * scale`;
    const at = `(first + ${row}u) * ${outputStride}u + ${outputColumn}u + column + ${c}u`;
    const store = storeResult(shape, result, `column + ${c}u`, at);
    return whole || c === 0 ? store : `if (column + ${c}u < ${outputs}u) { ${store} }`;
  };
  const finish = (row: number): string => {
    const scale = normed ? `inverseSqrt(squares${row} / ${literal(inputs)} + ${literal(epsilon)})` : '1.0';
    return `
  if (first + ${row}u < extent.x) {
    let scale = ${scale};
    ${columns.map((c) => finishColumn(row, c)).join('\n    ')}
  }`;
  };
  const load = (row: number): string =>
    `let x${row} = input[(first + ${row}u) * ${count}u + k];${
      normed ? ` squares${row} += ${dot(type, `x${row}`, `x${row}`)}; let y${row} = x${row} * g;` : ''
    }`;
  const operand = normed ? 'y' : 'x';
  const addTo = (sum: string, offset: number, c: number): string => `{
        let w = weight[(${columnAt(c)}${offset > 0 ? ` + ${offset}u` : ''}) * ${count}u + k];
        ${rows.map((row) => `${sum}${row}_${c} += ${dot(type, `${operand}${row}`, 'w')};`).join(' ')}
      }`;
  return makeKernel(
    `linear-rows-${form.rows}x${form.columns}`,
    bindings,
    `
${gated ? siluOf('f32') : ''}
${lanes > 1 ? `var<workgroup> shared_: array<f32, ${sums.length * THREADS}>;` : ''}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = group.y * ${form.rows}u;
  let lane = thread % ${lanes}u;
  let column = ((group.x * ${THREADS}u + thread) / ${lanes}u) * ${form.columns}u;
  ${sums.map((sum) => `var ${sum} = 0.0;`).join(' ')}
  if (column < ${outputs}u) {
    for (var k = lane; k < ${bound(count, tuning)}; k += ${lanes}u) {
      ${normed ? 'let g = normWeight[k];' : ''}
      ${rows.map(load).join('\n      ')}
      ${columns
        .flatMap((c) => [addTo('sum', 0, c), ...(gated ? [addTo('other', outputs, c)] : [])])
        .join('\n      ')}
    }
  }
  ${lanes > 1 ? reduce : ''}
  if (lane != 0u || column >= ${outputs}u) { return; }
  ${rows.map(finish).join('')}
}`,
  );
}
