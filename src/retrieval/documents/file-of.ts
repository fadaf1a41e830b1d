import type { DocumentFile } from '../../protocol/corpus';

/** A `Blob` under a name, e.g. with the folder that it was dropped in. */
export const fileOf = (name: string, blob: Blob): DocumentFile => ({
  name,
  size: blob.size,
  stream: () => blob.stream(),
  range: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
});
