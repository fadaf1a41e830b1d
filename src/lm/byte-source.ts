import { AppError, throwIfAborted } from '../protocol/errors';

/** A file that can be read in ranges: bytes in memory, a Blob, a Node file, HTTP with `Range`. */
export interface ByteSource {
  /** For messages: a file name or address. */
  readonly name: string;
  /** Total length in bytes. */
  readonly size: number;
  /** Differs when the content does: an ETag, or a file's time of change. An import that is resumed compares it. */
  readonly version?: string;
  /** Exactly `length` bytes from `offset`, in a buffer the caller may keep. */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Ends what is open in the background: a transfer, a file. Reading may go on. */
  close?(): void | Promise<void>;
}

function checkRange(source: ByteSource, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > source.size) {
    throw new AppError('INTEGRITY', `${source.name} ends before byte ${offset + length}.`, {
      fix: 'The file is incomplete: fetch it again.',
    });
  }
}

export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  const source: ByteSource = {
    name,
    size: bytes.byteLength,
    read: (offset, length, signal) =>
      new Promise((resolve) => {
        throwIfAborted(signal);
        checkRange(source, offset, length);
        resolve(bytes.slice(offset, offset + length));
      }),
  };
  return source;
}

/** A File of the page, or in Node what `fs.openAsBlob` gives; only the ranges asked for are read. */
export function blobSource(name: string, blob: Blob): ByteSource {
  const changed = 'lastModified' in blob ? String(blob.lastModified) : undefined;
  const source: ByteSource = {
    name,
    size: blob.size,
    ...(changed !== undefined && { version: changed }),
    read: async (offset, length, signal) => {
      throwIfAborted(signal);
      checkRange(source, offset, length);
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      throwIfAborted(signal);
      return bytes;
    },
  };
  return source;
}

/** All of a file, and the file closed. */
export async function readWhole(source: ByteSource, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = await source.read(0, source.size, signal);
    const { buffer, byteOffset, length } = bytes;
    return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, length) : bytes.slice();
  } finally {
    await source.close?.();
  }
}
