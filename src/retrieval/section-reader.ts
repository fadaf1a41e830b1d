/** Files of sections read piece by piece, each section going at once to where it will be used: nothing lies in memory twice. */
import type { StoredFile } from '../protocol/corpus';
import { damaged, payloadStart, PREFIX_BYTES, readSectionHeader, type SectionHeader } from './byte-sections';

/** Where the bytes of a section go; `at` counts from its start. */
export type SectionSink = (piece: Uint8Array, at: number) => void;

export const into = (view: ArrayBufferView): SectionSink => {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return (piece, at) => bytes.set(piece, at);
};

/** Made room for before it has come. */
const BELIEVED_BYTES = 64 * 2 ** 20;

/** Room for a section that grows with what comes of it: a file that promises much must deliver before it is believed. */
export class PatientBytes {
  #room: Uint8Array<ArrayBuffer>;
  readonly #bytes: number;

  constructor(bytes: number, believed = BELIEVED_BYTES) {
    this.#bytes = bytes;
    this.#room = new Uint8Array(Math.min(bytes, believed));
  }

  readonly sink: SectionSink = (piece, at) => {
    const end = at + piece.byteLength;
    if (end > this.#room.length) {
      const larger = new Uint8Array(Math.min(this.#bytes, Math.max(end, 2 * this.#room.length)));
      larger.set(this.#room);
      this.#room = larger;
    }
    this.#room.set(piece, at);
  };

  /** All of it, once all has come. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#room;
  }
}

/** A file that is in memory already. */
export const fileInMemory = (bytes: Uint8Array<ArrayBuffer>): StoredFile => ({
  bytes: bytes.byteLength,
  async *pieces() {
    await Promise.resolve();
    yield bytes;
  },
});

/**
 * `place` sees the header before anything of the sections has come, makes room, and says where each goes; one it does not name is left out.
 * Unlike `decodeSections` this does not compute the hash that is in the file: `file` has checked what it gives.
 * @throws AppError INTEGRITY, UNSUPPORTED, ABORTED
 */
export async function readSections(
  file: StoredFile,
  format: string,
  formatVersion: number | readonly number[],
  place: (header: SectionHeader) => ReadonlyMap<string, SectionSink>,
  signal?: AbortSignal,
): Promise<SectionHeader> {
  let beginning: Uint8Array = new Uint8Array();
  let header: SectionHeader | undefined;
  let sinks: ReadonlyMap<string, SectionSink> = new Map();
  /** Bytes of the sections that have come. */
  let done = 0;
  const take = ({ sections }: SectionHeader, piece: Uint8Array): void => {
    for (const { name, offset, bytes } of sections) {
      const [from, to] = [Math.max(offset, done), Math.min(offset + bytes, done + piece.byteLength)];
      if (from < to) sinks.get(name)?.(piece.subarray(from - done, to - done), from - offset);
    }
    done += piece.byteLength;
  };
  for await (const piece of file.pieces(signal)) {
    if (header) {
      take(header, piece);
      continue;
    }
    beginning = beginning.byteLength === 0 ? piece : joined(beginning, piece);
    if (beginning.byteLength < PREFIX_BYTES) continue;
    const start = payloadStart(beginning, format);
    if (beginning.byteLength < start) continue;
    header = readSectionHeader(beginning, format, formatVersion, file.bytes);
    sinks = place(header);
    take(header, beginning.subarray(start));
    beginning = new Uint8Array();
  }
  const last = header?.sections.at(-1);
  if (!header || done < (last ? last.offset + last.bytes : 0)) throw damaged(format, 'it is cut short');
  return header;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.byteLength + second.byteLength);
  whole.set(first);
  whole.set(second, first.byteLength);
  return whole;
}
