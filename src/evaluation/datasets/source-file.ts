/** A file of a data set, wherever it lies. */
export interface SourceFile {
  /** With its folders below what was named: `qrels/test.tsv`. */
  path: string;
  /** All of it. @throws AppError `NOT_FOUND`, `NETWORK` … */
  read(signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}
