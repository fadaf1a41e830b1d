import { bound, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { linearBindings, siluOf, type LinearShape } from './linear-options';
import { readScale, storeBlock, streamsOf, sumsOf, type Block } from './linear-parts';
import { weightCode, type WeightCode } from './weight-code';

const THREADS = 64;

/** Vectors of the input per pass of the loop: a group of blocks, or as many as keep the code short. */
const stepVectors = ({ scales }: WeightCode): number => (scales ? 8 : 4);

export function supportsBroadcast({ type, inputs }: LinearShape): boolean {
  const code = weightCode(type, inputs);
  return code.vector === 'vec4f' && code.rowVectors % stepVectors(code) === 0;
}

export const broadcastWorkgroups = (
  { rows, columns }: Block,
  outputs: number,
  stepRows: number,
): [number, number] => [Math.ceil(outputs / columns / THREADS), Math.ceil(stepRows / rows)];

/**
 * Matrix product for software adapters with subgroups, each thread on its own columns. There a load costs as much as dozens
 * of products, also where all threads read the same: so the threads of a subgroup load neighbouring inputs, each one, and
 * hand them to each other. `tuning.broadcast` threads at least are in a subgroup. The norm comes along almost free.
 */
export function linearBroadcastKernel(shape: LinearShape, block: Block, tuning: Tuning): Kernel {
  const { type, inputs, outputs, epsilon, gated } = shape;
  const code = weightCode(type, inputs);
  const { rowVectors, scales } = code;
  const step = stepVectors(code);
  const span = Math.min(step, tuning.broadcast);
  const normed = epsilon !== undefined;
  const rows = range(block.rows);
  const streams = streamsOf(shape, block.columns);
  const target = (stream: string, r: number): string => `${scales ? 'part' : 'sum'}_${stream}_${r}`;
  const lines: string[] = [];
  for (const part of range(step / span)) {
    const at = `k * ${step}u + ${part * span}u + lane`;
    if (normed) lines.push(`let norm${part} = normWeight[${at}];`);
    for (const r of rows) {
      const x = `x${r}_${part}`;
      lines.push(`${normed ? 'var' : 'let'} ${x} = input[(first + ${r}u) * ${rowVectors}u + ${at}];`);
      if (normed) lines.push(`squares_${r} += dot(${x}, ${x}); ${x} *= norm${part};`);
    }
  }
  for (const stream of streams) {
    lines.push(readScale(code, stream, `k * ${step / code.vectors}u`));
    if (scales) lines.push(...rows.map((r) => `var ${target(stream.name, r)} = 0.0;`));
  }
  for (const v of range(step)) {
    const load = Math.floor(v / code.vectors);
    // Right before it is used, since few registers are left.
    if (v % code.vectors === 0) {
      const at = `k * ${step / code.vectors}u + ${load}u`;
      for (const { name, buffer, row } of streams) {
        lines.push(`let raw_${name}_${load} = ${buffer}[${row} * ${code.loads}u + ${at}];`);
      }
    }
    const weights = streams.map(({ name }) => {
      return `let w_${name} = ${code.vectorsOf(`raw_${name}_${load}`)[v % code.vectors] ?? ''};`;
    });
    const products = rows.map((r) => {
      const sums = streams.map(({ name }) => `${target(name, r)} += dot(x, w_${name});`);
      return `{ let x = subgroupBroadcast(x${r}_${Math.floor(v / span)}, ${v % span}u); ${sums.join(' ')} }`;
    });
    lines.push(`{ ${weights.join(' ')}\n      ${products.join('\n      ')} }`);
  }
  if (scales) {
    for (const { name } of streams) {
      for (const r of rows) lines.push(`sum_${name}_${r} += scale_${name} * ${target(name, r)};`);
    }
  }
  // Every one of the `span` lanes has summed its own squares; in a larger subgroup there are more such sets, all alike.
  const squares = normed
    ? rows.map((r) => `squares_${r} = subgroupAdd(squares_${r}) * ${span}.0 / f32(subgroupSize);`)
    : [];
  return makeKernel(
    `linear-broadcast-${block.rows}-${type}`,
    linearBindings(shape, { input: 'vec4f', weight: code.storage, output: 'f32' }),
    `
${code.functions}
${gated ? siluOf('f32') : ''}

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
  @builtin(subgroup_size) subgroupSize: u32,
) {
  let first = group.y * ${block.rows}u;
  let lane = invocation % ${span}u;
  let column = (group.x * ${THREADS}u + thread) * ${block.columns}u;
  ${rows
    .flatMap((row) => sumsOf(shape, streams, row))
    .map((sum) => `var ${sum} = 0.0;`)
    .join(' ')}
  for (var k = 0u; k < ${bound(rowVectors / step, tuning)}; k += 1u) {
    ${lines.join('\n    ')}
  }
  ${squares.join('\n  ')}
  if (column >= ${outputs}u) { return; }
  ${storeBlock(shape, block)}
}`,
    ['subgroups'],
  );
}
