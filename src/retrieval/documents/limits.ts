/** Bounds of what an import takes; beyond them it refuses rather than slow down or run out of memory. */
export interface ImportLimits {
  files: number;
  /** Of one file, after decompression. */
  fileBytes: number;
  totalBytes: number;
  passages: number;
  /** Characters of one JSONL row. */
  lineLength: number;
  pdfPages: number;
}

export const DEFAULT_LIMITS: ImportLimits = {
  files: 5_000,
  fileBytes: 512 * 2 ** 20,
  totalBytes: 1024 * 2 ** 20,
  passages: 500_000,
  lineLength: 4_000_000,
  pdfPages: 5_000,
};

export const megabytes = (bytes: number): string =>
  `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;
