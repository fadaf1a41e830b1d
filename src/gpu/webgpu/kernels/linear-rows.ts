import { bound, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { linearBindings, siluOf, type LinearShape } from './linear-options';
import { readScale, storeBlock, streamsOf, sumsOf, type Block, type Stream } from './linear-parts';
import { weightCode, type WeightCode } from './weight-code';

const THREADS = 64;

export interface RowsForm extends Block {
  /** Threads that share a sum; a power of two, 1 … 64. */
  lanes: number;
}

/** Enough lanes that each has a few loads left, and neighbouring threads read neighbouring weights. */
export function lanesFor({ type, inputs }: LinearShape): number {
  const { loads } = weightCode(type, inputs);
  return loads >= 192 || (loads >= 16 && type !== 'f32') ? 32 : loads >= 32 ? 16 : 4;
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

/** One load of every stream, multiplied with every row and added to the sums. */
function multiplyLoad(
  code: WeightCode,
  streams: readonly Stream[],
  rows: readonly number[],
  normed: boolean,
  tuning: Tuning,
): string {
  const { scales, vectors, rowVectors, vector, wordVectors } = code;
  const product = (a: string, b: string): string => (vector === 'f32' ? `${a} * ${b}` : `dot(${a}, ${b})`);
  const target = (stream: string, r: number): string => `${scales ? 'part' : 'sum'}_${stream}_${r}`;
  /** The vectors at `place` of the load: `weights` has every stream's. */
  const multiply = (place: string, weights: readonly string[]): string => {
    const at = `k * ${vectors}u + ${place}`;
    const lines = streams.map(({ name }, i) => `let w_${name} = ${weights[i] ?? ''};`);
    if (normed) lines.push(`let norm = normWeight[${at}];`);
    for (const r of rows) {
      lines.push(`${normed ? 'var' : 'let'} x${r} = input[(first + ${r}u) * ${rowVectors}u + ${at}];`);
      if (normed) lines.push(`squares_${r} += ${product(`x${r}`, `x${r}`)}; x${r} *= norm;`);
      for (const { name } of streams) lines.push(`${target(name, r)} += ${product(`x${r}`, `w_${name}`)};`);
    }
    return `{ ${lines.join('\n        ')} }`;
  };
  const loads = streams.map(
    (stream) =>
      `let raw_${stream.name} = ${stream.buffer}[${stream.row} * ${code.loads}u + k]; ${readScale(code, stream, 'k')}`,
  );
  const parts = scales
    ? rows.flatMap((r) => streams.map(({ name }) => ({ part: target(name, r), name, r })))
    : [];
  // A loop over the words instead of all of them one below the other: compilers of software adapters take long as it is.
  const body = wordVectors
    ? `for (var j = 0u; j < ${bound(4, tuning)}; j += 1u) {
      ${wordVectors
        .map(({ of, at }) =>
          multiply(
            at('j'),
            streams.map(({ name }) => of(`raw_${name}[j]`)),
          ),
        )
        .join('\n      ')}
      }`
    : range(vectors)
        .map((v) =>
          multiply(
            `${v}u`,
            streams.map(({ name }) => code.vectorsOf(`raw_${name}`)[v] ?? ''),
          ),
        )
        .join('\n      ');
  return [
    ...loads,
    parts.map(({ part }) => `var ${part} = 0.0;`).join(' '),
    body,
    ...parts.map(({ part, name, r }) => `sum_${name}_${r} += scale_${name} * ${part};`),
  ].join('\n      ');
}

/** Adds up the lanes' sums; within subgroups by shuffling where there are subgroups. */
function reduceLanes(sums: readonly string[], lanes: number, tuning: Tuning): string {
  const { subgroups } = tuning;
  const tree = `
  ${sums.map((sum, i) => `shared_[${i * THREADS}u + thread] = ${sum};`).join('\n  ')}
  for (var half = ${lanes / 2}u; half >= ${subgroups ? 'subgroupSize' : '1u'}; half >>= 1u) {
    workgroupBarrier();
    if (lane < half) {
      for (var i = thread; i < ${bound(sums.length * THREADS, tuning)}; i += ${THREADS}u) { shared_[i] += shared_[i + half]; }
    }
  }
  ${sums.map((sum, i) => `${sum} = shared_[${i * THREADS}u + thread];`).join('\n  ')}`;
  if (!subgroups) return tree;
  return `
  for (var mask = 1u; mask < min(${lanes}u, subgroupSize); mask <<= 1u) {
    ${sums.map((sum) => `${sum} += subgroupShuffleXor(${sum}, mask);`).join('\n    ')}
  }
  if (subgroupSize < ${lanes}u) {${tree}
  }`;
}

/**
 * Matrix product for steps of few rows (decode): weights are widened in registers, right before they are multiplied. A
 * norm in the shape costs little here: the squares are summed along with the product.
 */
export function linearRowsKernel(shape: LinearShape, form: RowsForm, tuning: Tuning): Kernel {
  const { type, inputs, outputs, epsilon, gated } = shape;
  const code = weightCode(type, inputs);
  const { lanes, columns } = form;
  const rows = range(form.rows);
  const streams = streamsOf(shape, columns);
  const shared = lanes > 1;
  const subgroups = shared && tuning.subgroups;
  const leave = `if (column >= ${outputs}u) { return; }`;
  const sums = rows.flatMap((row) => sumsOf(shape, streams, row));
  return makeKernel(
    `linear-rows-${form.rows}-${type}`,
    linearBindings(shape, { input: code.vector, weight: code.storage, output: 'f32' }),
    `
${code.functions}
${gated ? siluOf('f32') : ''}
${shared ? `var<workgroup> shared_: array<f32, ${sums.length * THREADS}>;` : ''}

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,${subgroups ? '\n  @builtin(subgroup_size) subgroupSize: u32,' : ''}
) {
  let first = group.y * ${form.rows}u;
  ${shared ? `let lane = thread % ${lanes}u;` : 'const lane = 0u;'}
  let column = (group.x * ${THREADS}u + thread) / ${lanes}u * ${columns}u;
  ${sums.map((sum) => `var ${sum} = 0.0;`).join(' ')}
  ${shared ? '// Columns beyond the last are computed from what is read there, and not stored.' : leave}
  for (var k = lane; k < ${bound(code.loads, tuning)}; k += ${lanes}u) {
    ${multiplyLoad(code, streams, rows, epsilon !== undefined, tuning)}
  }
  ${
    shared
      ? `${reduceLanes(sums, lanes, tuning)}
  if (lane != 0u) { return; }
  ${leave}`
      : ''
  }
  ${storeBlock(shape, form)}
}`,
    subgroups ? ['subgroups'] : [],
  );
}
