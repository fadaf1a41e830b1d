import type { VectorSearchInfo, VectorSearchSettings } from '../protocol/corpus';

/** What searches vectors, for people. */
export const VECTOR_BACKENDS = {
  webgpu: 'WebGPU',
  wasm: 'WASM',
  typescript: 'plain JavaScript',
  native: 'native code',
} as const satisfies Record<VectorSearchInfo['backend'], string>;

/** For traces and exports: `hnsw on WASM, f16, ef 128`. */
export function describeVectorSearch(
  { kind = 'exact', backend, dtype, threads, ef }: VectorSearchInfo,
  settings: Partial<VectorSearchSettings> = {},
): string {
  const looked = kind === 'hnsw' ? (settings.ef ?? ef) : undefined;
  return [
    `${kind} on ${VECTOR_BACKENDS[backend]}`,
    ...(threads > 1 ? [`${threads} threads`] : []),
    dtype,
    ...(looked === undefined ? [] : [`ef ${looked}`]),
  ].join(', ');
}
