/** Looks over what stands in a Parquet page before a reader does: runs no longer than the page's values, lengths that lie in the page. */
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { byte, damaged, skipVarint, smallNumber, type ByteReader } from './parquet-thrift';

/** What a run may go beyond the values of its page: writers fill up the last group. */
const FILLED_UP = 512;

/** Numbers of `width` bits in runs, from the reader's place to `end`; leaves the reader at `end`. The reader writes a run out as long as it says it is. */
export function checkRuns(reader: ByteReader, end: number, width: number, values: number): void {
  if (width > 32 || end > reader.view.byteLength) throw damaged();
  let seen = 0;
  while (seen < values) {
    if (reader.offset >= end) throw damaged();
    const head = smallNumber(reader);
    const isPacked = (head & 1) === 1;
    const count = isPacked ? (head >>> 1) * 8 : head >>> 1;
    if (count > values - seen + FILLED_UP) throw damaged();
    reader.offset += isPacked ? (count * width) / 8 : Math.ceil(width / 8);
    seen += count;
  }
  reader.offset = end;
}

/** The same behind its length in four bytes. */
export function checkCountedRuns(reader: ByteReader, width: number, values: number): void {
  const { view, offset } = reader;
  if (offset + 4 > view.byteLength) throw damaged();
  reader.offset += 4;
  checkRuns(reader, offset + 4 + view.getUint32(offset, true), width, values);
}

export const bitsOf = (level: number): number => 32 - Math.clz32(level);

export interface ValueKind {
  /** `parquet.thrift`'s name of a type. */
  type: string;
  /** Its number of an encoding. */
  encoding: number;
  /** The second form of a page writes truth values and indexes a little otherwise. */
  second: boolean;
}

/** Bytes that texts written as differences to those before may come to, all in all. */
const MAX_EXPANDED = 256 * 1024 * 1024;

/** @param values those that are not null, at most */
export function checkValues(reader: ByteReader, values: number, { type, encoding, second }: ValueKind): void {
  const { view } = reader;
  if (values === 0) return;
  const isRuns = encoding === 2 || encoding === 3 || encoding === 8;
  const isTruths = second ? encoding === 3 : isRuns && type === 'BOOLEAN';
  if (isTruths) checkCountedRuns(reader, 1, values);
  else if (isRuns) {
    const width = byte(reader);
    if (width > 0 || second) checkRuns(reader, view.byteLength, width, values);
  } else if (encoding === 5) checkDelta(reader, values);
  else if (encoding === 6) {
    const lengths = differences(reader, values);
    if (sumOf(lengths) > view.byteLength - reader.offset) throw damaged();
  } else if (encoding === 7) checkPrefixes(reader, values);
  // What is written plainly, or split by bytes, ends where the page ends.
}

/** DELTA_BINARY_PACKED, walked as the reader does. */
function checkDelta(reader: ByteReader, values: number): void {
  const block = smallNumber(reader);
  const groups = smallNumber(reader);
  smallNumber(reader);
  skipVarint(reader);
  const inGroup = block / groups;
  if (!Number.isInteger(inGroup) || inGroup < 8 || inGroup % 8 !== 0) throw damaged();
  for (let seen = 1; seen < values;) {
    skipVarint(reader);
    const widths = Array.from({ length: Math.min(groups, reader.view.byteLength) }, () => byte(reader));
    for (const width of widths) {
      if (seen >= values) break;
      if (width > 64) throw damaged();
      reader.offset += (inGroup * width) / 8;
      seen += inGroup;
    }
  }
  if (reader.offset > reader.view.byteLength) throw damaged();
}

/** The numbers themselves, and the reader behind them. */
function differences(reader: ByteReader, values: number): Int32Array {
  const checked = { ...reader };
  checkDelta(checked, values);
  const numbers = new Int32Array(values);
  deltaBinaryUnpack(reader, values, numbers);
  if (numbers.some((length) => length < 0)) throw damaged();
  return numbers;
}

/** DELTA_BYTE_ARRAY: each text begins with so many bytes of the one before. */
function checkPrefixes(reader: ByteReader, values: number): void {
  const prefixes = differences(reader, values);
  const suffixes = differences(reader, values);
  if (sumOf(suffixes) > reader.view.byteLength - reader.offset) throw damaged();
  let before = 0;
  let total = 0;
  for (const [i, prefix] of prefixes.entries()) {
    if (prefix > before) throw damaged();
    before = prefix + (suffixes[i] ?? 0);
    total += before;
  }
  if (total > MAX_EXPANDED) throw damaged();
}

const sumOf = (numbers: Int32Array): number => numbers.reduce((sum, one) => sum + one, 0);
