import { EXTENT, makeKernel, vectorOf, type Kernel } from '../kernel';

export const EMBED_THREADS = 64;

export interface EmbedShape {
  width: number;
  /** The rows of the table that this shard holds. */
  firstRow: number;
  rows: number;
}

/** `output[r] = table[token of r]`, for tokens of this shard. Workgroups: [⌈width / threads⌉, rows]. */
export function embedKernel({ width, firstRow, rows }: EmbedShape): Kernel {
  const { type, count } = vectorOf(width);
  return makeKernel(
    'embed',
    [
      EXTENT,
      { name: 'rowTable', kind: 'read', type: 'array<vec4u>' },
      { name: 'table', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: `array<${type}>` },
    ],
    `
@compute @workgroup_size(${EMBED_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y;
  if (id.x >= ${count}u || row >= extent.x) { return; }
  let token = rowTable[row].x;
  if (token < ${firstRow}u || token >= ${firstRow + rows}u) { return; }
  output[row * ${count}u + id.x] = table[(token - ${firstRow}u) * ${count}u + id.x];
}`,
  );
}
