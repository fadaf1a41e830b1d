/**
 * Where each passage lies in `passages.jsonl`, so that a few can be fetched out of millions: lengths of the lines in order, and a
 * checksum of each. Eight bytes a passage.
 */
import { AppError } from '../../protocol/errors';
import { decodeSections, encodeSections, requireSection, requireWords } from '../byte-sections';
import { crc32 } from './crc32';

export const OFFSETS_FILE = 'passages.idx';
const FORMAT = 'passage-offsets';
const VERSION = 1;
const LINE_BREAK = 10;

const damaged = (what: string): AppError =>
  new AppError('INTEGRITY', `${OFFSETS_FILE} does not belong to these passages: ${what}.`, {
    fix: 'Build the index again.',
  });

export class PassageOffsets {
  /** [count] bytes of each line, its line break included. */
  readonly lengths: Uint32Array;
  /** [count] CRC-32 of each line. */
  readonly checks: Uint32Array;
  /** [count + 1] */
  readonly #starts: Float64Array;

  constructor(lengths: Uint32Array, checks: Uint32Array) {
    if (lengths.length !== checks.length) throw damaged('its lists differ in length');
    this.lengths = lengths;
    this.checks = checks;
    this.#starts = new Float64Array(lengths.length + 1);
    for (let i = 0; i < lengths.length; i++) this.#starts[i + 1] = (this.#starts[i] ?? 0) + (lengths[i] ?? 0);
  }

  get count(): number {
    return this.lengths.length;
  }

  get memoryBytes(): number {
    return this.lengths.byteLength + this.checks.byteLength + this.#starts.byteLength;
  }

  /** Of all lines. */
  get bytes(): number {
    return this.#starts[this.count] ?? 0;
  }

  /** First and last byte, the last left out; undefined for a row that is not there. */
  range(row: number): [start: number, end: number] | undefined {
    const [start, end] = [this.#starts[row], this.#starts[row + 1]];
    return start === undefined || end === undefined ? undefined : [start, end];
  }

  /** Whether these are the bytes of that line. */
  isLine(row: number, line: Uint8Array): boolean {
    return line.length === this.lengths[row] && crc32(line) === this.checks[row];
  }
}

/** Of a file as `encodePassages` writes it: one passage a line, no blank lines. */
export function offsetsOf(passages: Uint8Array): PassageOffsets {
  const lengths: number[] = [];
  const checks: number[] = [];
  for (let at = 0; at < passages.length;) {
    const end = passages.indexOf(LINE_BREAK, at);
    const next = end < 0 ? passages.length : end + 1;
    lengths.push(next - at);
    checks.push(crc32(passages.subarray(at, next)));
    at = next;
  }
  return new PassageOffsets(Uint32Array.from(lengths), Uint32Array.from(checks));
}

export const encodeOffsets = ({ lengths, checks }: PassageOffsets): Promise<Uint8Array<ArrayBuffer>> =>
  encodeSections(FORMAT, VERSION, {}, [
    ['lengths', lengths],
    ['crc32', checks],
  ]);

/** @throws AppError INTEGRITY where they are not those of so many passages in so many bytes */
export async function decodeOffsets(
  file: Uint8Array<ArrayBuffer>,
  expected: { passages: number; bytes: number },
): Promise<PassageOffsets> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  const words = (name: string): Uint32Array =>
    requireWords(requireSection(sections, FORMAT, name), FORMAT, Uint32Array);
  const offsets = new PassageOffsets(words('lengths'), words('crc32'));
  if (offsets.count !== expected.passages) {
    throw damaged(`it knows ${offsets.count} passages, the manifest ${expected.passages}`);
  }
  if (offsets.bytes !== expected.bytes) {
    throw damaged(`its lines make ${offsets.bytes} bytes, the file has ${expected.bytes}`);
  }
  return offsets;
}
