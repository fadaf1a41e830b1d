import { EXTENT, makeKernel, range, type Kernel } from '../kernel';
import { weightCode, type WeightType } from './weight-code';

export const EMBED_THREADS = 64;

export interface EmbedShape {
  type: WeightType;
  width: number;
  /** The rows of the table that this shard holds. */
  firstRow: number;
  rows: number;
}

/** `output[r] = table[token of r]`, for tokens of this shard. Workgroups: [⌈loads of a row / threads⌉, rows]. */
export function embedKernel({ type, width, firstRow, rows }: EmbedShape): Kernel {
  const { storage, loads, vectors, vector, rowVectors, scales, functions, vectorsOf } = weightCode(
    type,
    width,
  );
  return makeKernel(
    `embed-${type}`,
    [
      EXTENT,
      { name: 'rowTable', kind: 'read', type: 'array<vec4u>' },
      { name: 'output', kind: 'write', type: `array<${vector}>` },
      { name: 'table', kind: 'read', type: `array<${storage}>` },
      ...(scales ? [{ name: 'scales', kind: 'read', type: 'array<u32>' } as const] : []),
    ],
    `${functions}
@compute @workgroup_size(${EMBED_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${loads}u || id.y >= extent.x) { return; }
  let token = rowTable[id.y].x;
  if (token < ${firstRow}u || token >= ${firstRow + rows}u) { return; }
  let row = token - ${firstRow}u;
  let load = table[row * ${loads}u + id.x];
  ${scales ? `let at = row * ${scales.perRow}u + id.x / ${scales.loadsPerScale}u;\n  let scale = half_at(scales[at / 2u], at);` : ''}
  let start = id.y * ${rowVectors}u + id.x * ${vectors}u;
  ${range(vectors)
    .map((i) => `output[start + ${i}u] = ${vectorsOf('load')[i] ?? ''}${scales ? ' * scale' : ''};`)
    .join('\n  ')}
}`,
  );
}

/** Threads per row of the table. */
export const embedWork = ({ type, width }: Pick<EmbedShape, 'type' | 'width'>): number =>
  weightCode(type, width).loads;
