/**
 * Where each passage lies in `passages.jsonl`, so that a few can be fetched out of millions: lengths of the lines in order, and a
 * checksum of each. Eight bytes a passage.
 */
import { CORPUS_FILES, type StoredFile } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import { GrowingArray } from '../bm25/growing-array';
import { decodeSections, encodeSections, requireSection, requireWords } from '../byte-sections';
import { crc32 } from './crc32';

export const OFFSETS_FILE: string = CORPUS_FILES.offsets;
const FORMAT = 'passage-offsets';
const VERSION = 1;
const LINE_BREAK = 10;

const damaged = (what: string): AppError =>
  new AppError('INTEGRITY', `${OFFSETS_FILE} does not belong to these passages: ${what}.`, {
    fix: 'Build the index again.',
  });

/** Starts are counted from the nearest of these: a number for each would take more memory than the lengths. */
const STEP = 64;

export class PassageOffsets {
  /** [count] bytes of each line, its line break included. */
  readonly lengths: Uint32Array;
  /** [count] CRC-32 of each line. */
  readonly checks: Uint32Array;
  /** Of all lines. */
  readonly bytes: number;
  /** [count / STEP] where every so manieth line begins. */
  readonly #starts: Float64Array;

  constructor(lengths: Uint32Array, checks: Uint32Array) {
    if (lengths.length !== checks.length) throw damaged('its lists differ in length');
    this.lengths = lengths;
    this.checks = checks;
    this.#starts = new Float64Array(Math.ceil(lengths.length / STEP));
    let bytes = 0;
    for (let row = 0; row < lengths.length; row++) {
      if (row % STEP === 0) this.#starts[row / STEP] = bytes;
      bytes += lengths[row] ?? 0;
    }
    this.bytes = bytes;
  }

  get count(): number {
    return this.lengths.length;
  }

  get memoryBytes(): number {
    return this.lengths.byteLength + this.checks.byteLength + this.#starts.byteLength;
  }

  /** First and last byte, the last left out; undefined for a row that is not there. */
  range(row: number): [start: number, end: number] | undefined {
    const length = this.lengths[row];
    if (length === undefined) return undefined;
    const from = row - (row % STEP);
    let start = this.#starts[from / STEP] ?? 0;
    for (let before = from; before < row; before++) start += this.lengths[before] ?? 0;
    return [start, start + length];
  }

  /** Whether these are the bytes of that line. */
  isLine(row: number, line: Uint8Array): boolean {
    return line.length === this.lengths[row] && crc32(line) === this.checks[row];
  }
}

/** The table of lines that come one by one, or in pieces that are cut anywhere. */
export class OffsetsBuilder {
  readonly #lengths = new GrowingArray(Uint32Array);
  readonly #checks = new GrowingArray(Uint32Array);
  /** Of the line that has not ended. */
  #length = 0;
  #check = 0;

  /** Bytes of lines as `encodePassages` writes them: one passage a line, no blank lines. */
  add(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      const end = piece.indexOf(LINE_BREAK, at);
      const next = end < 0 ? piece.length : end + 1;
      this.#check = crc32(piece.subarray(at, next), this.#check);
      this.#length += next - at;
      if (end >= 0) this.#endLine();
      at = next;
    }
  }

  /** Forgets all lines but so many of the first. */
  truncate(count: number): void {
    this.#lengths.truncate(count);
    this.#checks.truncate(count);
    this.#length = this.#check = 0;
  }

  build(): PassageOffsets {
    if (this.#length > 0) this.#endLine();
    return new PassageOffsets(this.#lengths.toArray(), this.#checks.toArray());
  }

  #endLine(): void {
    this.#lengths.push(this.#length);
    this.#checks.push(this.#check);
    this.#length = this.#check = 0;
  }
}

/** Of a file in memory. */
export function offsetsOf(passages: Uint8Array): PassageOffsets {
  const builder = new OffsetsBuilder();
  builder.add(passages);
  return builder.build();
}

/** Of a file that is read from its start to its end, where what reads it checks it. @throws as that; ABORTED */
export async function scanOffsets(file: StoredFile, signal?: AbortSignal): Promise<PassageOffsets> {
  const builder = new OffsetsBuilder();
  for await (const piece of file.pieces(signal)) builder.add(piece);
  return builder.build();
}

export const encodeOffsets = ({ lengths, checks }: PassageOffsets): Promise<Uint8Array<ArrayBuffer>> =>
  encodeSections(FORMAT, VERSION, {}, [
    ['lengths', lengths],
    ['crc32', checks],
  ]);

/** @throws AppError INTEGRITY where they are not those of so many passages in so many bytes */
export async function decodeOffsets(
  file: Uint8Array<ArrayBuffer>,
  expected: { passages?: number; bytes: number },
): Promise<PassageOffsets> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  const words = (name: string): Uint32Array =>
    requireWords(requireSection(sections, FORMAT, name), FORMAT, Uint32Array);
  const offsets = new PassageOffsets(words('lengths'), words('crc32'));
  if (expected.passages !== undefined && offsets.count !== expected.passages) {
    throw damaged(`it knows ${offsets.count} passages, the manifest ${expected.passages}`);
  }
  if (offsets.bytes !== expected.bytes) {
    throw damaged(`its lines make ${offsets.bytes} bytes, the file has ${expected.bytes}`);
  }
  return offsets;
}
