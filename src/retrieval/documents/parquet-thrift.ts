/**
 * Looks over what stands in Parquet's metadata before a reader does: Thrift's compact protocol. Every number ends within the bytes that
 * 64 bits take, and nothing nests without end, so that reading it takes time in proportion to its bytes. The reader adds up numbers of
 * any length, which takes the square of it.
 */
export interface ByteReader {
  view: DataView<ArrayBuffer>;
  offset: number;
}

export const damaged = (): Error => new Error('a page or the metadata of it is damaged');

const MAX_DEPTH = 16;
/** Seven bits a byte. */
const VARINT_BYTES = 10;

/** Skips a number of up to 64 bits. @throws where it has more, or the bytes end */
export function skipVarint(reader: ByteReader): void {
  for (let i = 0; i < VARINT_BYTES; i++) if (byte(reader) < 0x80) return;
  throw damaged();
}

/** Skips a structure. @throws where the reader could not read it in bounded time */
export function skipStruct(reader: ByteReader, depth = 0): void {
  if (depth > MAX_DEPTH) throw damaged();
  for (;;) {
    const head = byte(reader);
    const type = head & 0x0f;
    if (type === 0) return;
    if (head >> 4 === 0) skipVarint(reader);
    skipElement(reader, type, depth);
  }
}

function skipElement(reader: ByteReader, type: number, depth: number): void {
  if (type === 1 || type === 2) return; // true, false
  if (type === 3) skip(reader, 1);
  else if (type >= 4 && type <= 6) skipVarint(reader);
  else if (type === 7) skip(reader, 8);
  else if (type === 8) skip(reader, smallNumber(reader));
  else if (type === 9) skipList(reader, depth);
  else if (type === 12) skipStruct(reader, depth + 1);
  else throw damaged();
}

function skipList(reader: ByteReader, depth: number): void {
  const head = byte(reader);
  const type = head & 0x0f;
  const size = head >> 4 === 15 ? smallNumber(reader) : head >> 4;
  // Every element has a byte at least, a truth value of a list among them.
  if (size > reader.view.byteLength - reader.offset) throw damaged();
  for (let i = 0; i < size; i++) {
    if (type === 1 || type === 2) skip(reader, 1);
    else skipElement(reader, type, depth + 1);
  }
}

/** Of 31 bits: a length. */
export function smallNumber(reader: ByteReader): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const next = byte(reader);
    value += (next & 0x7f) * 2 ** shift;
    if (next < 0x80 && value < 2 ** 31) return value;
  }
  throw damaged();
}

export function byte(reader: ByteReader): number {
  if (reader.offset >= reader.view.byteLength) throw damaged();
  return reader.view.getUint8(reader.offset++);
}

function skip(reader: ByteReader, bytes: number): void {
  reader.offset += bytes;
  if (reader.offset > reader.view.byteLength) throw damaged();
}
