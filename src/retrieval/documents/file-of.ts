import type { DocumentFile } from '../../protocol/corpus';

/** A `Blob` under a name, e.g. with the folder that it was dropped in; told how many bytes were read, each time that some were. */
export function fileOf(name: string, blob: Blob, onRead?: (bytes: number) => void): DocumentFile {
  const counting = () =>
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        onRead?.(chunk.length);
        controller.enqueue(chunk);
      },
    });
  return {
    name,
    size: blob.size,
    stream: () => (onRead ? blob.stream().pipeThrough(counting()) : blob.stream()),
    range: async (start, end) => {
      const bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
      onRead?.(bytes.length);
      return bytes;
    },
  };
}
