/** What the kernels that widen weights in registers have in common. */
import { literal, range } from '../kernel';
import { storeResult, type LinearShape } from './linear-options';
import type { WeightCode } from './weight-code';

/** Rows and columns that a thread computes: it reads a weight once for all rows, an input once for all columns. */
export interface Block {
  rows: number;
  columns: number;
}

/** One row of weights that a thread reads: a column's, and with a gate the column's other one. */
export interface Stream {
  name: string;
  buffer: string;
  scales: string;
  /** WGSL of the row's number. */
  row: string;
}

export function streamsOf(shape: LinearShape, columns: number): Stream[] {
  const kinds = [
    { letter: 'g', buffer: 'weight', scales: 'scales', first: shape.weightRow },
    { letter: 'u', buffer: 'other', scales: 'otherScales', first: shape.otherRow },
  ].slice(0, shape.gated ? 2 : 1);
  return range(columns).flatMap((column) =>
    kinds.map(({ letter, buffer, scales, first }) => ({
      ...{ name: `${letter}${column}`, buffer, scales },
      row: `(column + ${first + column}u)`,
    })),
  );
}

/** The sums of one row: one a stream, and with a norm that of the squares. */
export const sumsOf = (shape: LinearShape, streams: readonly Stream[], row: number): string[] => [
  ...streams.map(({ name }) => `sum_${name}_${row}`),
  ...(shape.epsilon === undefined ? [] : [`squares_${row}`]),
];

/** Declares `scale_…`, the scale of load `k` of a stream's row. */
export function readScale({ scales }: WeightCode, { name, scales: buffer, row }: Stream, k: string): string {
  if (!scales) return '';
  const { perRow, loadsPerScale } = scales;
  const at = `${row} * ${perRow}u + ${loadsPerScale > 1 ? `(${k}) / ${loadsPerScale}u` : k}`;
  return `let at_${name} = ${at}; let scale_${name} = half_at(${buffer}[at_${name} / 2u], at_${name});`;
}

/** Normalises, gates and stores the block's sums, as far as their rows and columns are there. */
export function storeBlock(shape: LinearShape, { rows, columns }: Block): string {
  const { inputs, outputs, outputColumn, outputStride, epsilon, gated } = shape;
  const rms = epsilon === undefined ? '' : ' * rms';
  return range(rows)
    .map((row) => {
      const results = range(columns).map((c) => {
        const [g, u] = [`sum_g${c}_${row}${rms}`, `sum_u${c}_${row}${rms}`];
        const at = `(first + ${row}u) * ${outputStride}u + ${outputColumn}u + column + ${c}u`;
        const store = storeResult(shape, gated ? `silu(${g}) * (${u})` : g, `column + ${c}u`, at);
        return c === 0 ? store : `if (column + ${c}u < ${outputs}u) { ${store} }`;
      });
      if (epsilon !== undefined) {
        const mean = `squares_${row} / ${literal(inputs)}`;
        results.unshift(`let rms = inverseSqrt(${mean} + ${literal(epsilon)});`);
      }
      return `if (first + ${row}u < extent.x) {\n    ${results.join('\n    ')}\n  }`;
    })
    .join('\n  ');
}
