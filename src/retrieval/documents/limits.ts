/** Bounds of what an import takes; beyond them it refuses rather than slow down or run out of memory. */
export interface ImportLimits {
  files: number;
  /** Of one file, after decompression. */
  fileBytes: number;
  /** How many times its size a packed file may unpack to, once it is past `freeInflation` bytes; text comes to 3 to 20 times. */
  inflation: number;
  freeInflation: number;
  totalBytes: number;
  /** Ids are in memory while files are read, words while they are indexed: a million took a tab 880 MB at most (bench/README.md). */
  passages: number;
  /** Of a file that is read whole, as Markdown, HTML and Parquet are. */
  wholeBytes: number;
  /** Characters of one row of a table or of JSONL. */
  lineLength: number;
  pdfPages: number;
}

export const DEFAULT_LIMITS: ImportLimits = {
  files: 5_000,
  fileBytes: 2048 * 2 ** 20,
  inflation: 100,
  freeInflation: 16 * 2 ** 20,
  totalBytes: 2048 * 2 ** 20,
  passages: 3_000_000,
  wholeBytes: 512 * 2 ** 20,
  lineLength: 4_000_000,
  pdfPages: 5_000,
};

export const megabytes = (bytes: number): string =>
  `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;
