/**
 * Lucene's one-byte code of a field's length (`SmallFloat.intToByte4`): exact up to 40, then four significant bits,
 * rounded down. BM25 sees lengths through this code, so that a ranking equals Lucene's only with it.
 */

/** Of the 256 codes, those left over by the float part for exact small values: 255 − longToInt4(2³¹ − 1). */
const FREE_VALUES = 24;

function toInt4(value: number): number {
  const bits = 32 - Math.clz32(value);
  if (bits < 4) return value;
  const shift = bits - 4;
  return ((value >>> shift) & 7) | ((shift + 1) << 3);
}

function fromInt4(code: number): number {
  const shift = (code >>> 3) - 1;
  const bits = code & 7;
  return shift < 0 ? bits : (bits | 8) * 2 ** shift;
}

/** Encodes a length in [0, 2³¹) as a byte. Monotonic. */
export const encodeLength = (length: number): number =>
  length < FREE_VALUES ? length : FREE_VALUES + toInt4(length - FREE_VALUES);

/** The length that a byte stands for: the smallest that has this code. */
export const decodeLength = (code: number): number =>
  code < FREE_VALUES ? code : FREE_VALUES + fromInt4(code - FREE_VALUES);
