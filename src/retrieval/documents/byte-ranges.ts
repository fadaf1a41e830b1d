/** Bytes that can be had in parts, wherever they lie. */
export interface ByteRanges {
  readonly byteLength: number;
  /** Exactly these. Rejects where they cannot be had. */
  range(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Of bytes in memory; what comes is a view of them. */
export const rangesOf = (bytes: Uint8Array<ArrayBuffer>): ByteRanges => ({
  byteLength: bytes.byteLength,
  range: (start, end) => Promise.resolve(bytes.subarray(start, end)),
});
