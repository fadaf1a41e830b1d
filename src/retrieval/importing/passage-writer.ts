import type { Passage } from '../../protocol/retrieval';
import type { FileSink } from '../../protocol/staged-corpus';
import type { PassageSink } from '../documents/import-passages';
import { OffsetsBuilder, type PassageOffsets } from '../packs/passage-offsets';
import { encodePassages } from '../passage-file';

/** Written at once. */
const BUFFER_BYTES = 1 << 20;

interface Mark {
  bytes: number;
  count: number;
}

/** Passages into a file, a megabyte at a time. */
export class PassageWriter implements PassageSink {
  readonly #sink: FileSink;
  readonly #offsets = new OffsetsBuilder();
  #parts: Uint8Array<ArrayBuffer>[] = [];
  #buffered = 0;
  #written = 0;
  count = 0;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  add(passage: Passage): Promise<void> | undefined {
    const line = encodePassages([passage]);
    this.#parts.push(line);
    this.#offsets.add(line);
    this.#buffered += line.byteLength;
    this.count++;
    return this.#buffered >= BUFFER_BYTES ? this.#flush() : undefined;
  }

  mark(): Mark {
    return { bytes: this.#written + this.#buffered, count: this.count };
  }

  async rewind({ bytes, count }: Mark): Promise<void> {
    await this.#flush();
    await this.#sink.truncate(bytes);
    this.#offsets.truncate(count);
    this.#written = bytes;
    this.count = count;
  }

  /** Where they lie, of all that have come. */
  offsets(): PassageOffsets {
    return this.#offsets.build();
  }

  async close(): Promise<void> {
    await this.#flush();
    await this.#sink.close();
  }

  async #flush(): Promise<void> {
    const bytes = new Uint8Array(this.#buffered);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.byteLength;
    }
    this.#parts = [];
    this.#buffered = 0;
    if (bytes.byteLength > 0) await this.#sink.write(bytes);
    this.#written += bytes.byteLength;
  }
}
