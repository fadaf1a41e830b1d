/**
 * Where evaluations are kept. A store knows nothing of what it keeps: records, questions, results and traces are JSON whose readers check
 * it. Results are only ever appended: what was once resolved survives a crash, and what was not leaves nothing half behind.
 */
export interface StoredResult {
  /** Which question of which system; a repeated one comes again under the same key. */
  key: string;
  result: unknown;
}

export interface EvaluationStore {
  /** Ids and records, oldest first; what is half created or half removed is not among them. */
  list(): Promise<{ id: string; record: unknown }[]>;
  /** @throws AppError `NOT_FOUND` */
  record(id: string): Promise<unknown>;
  /** Visible once it is whole. @param id letters, digits, `-` and `_` */
  create(id: string, record: unknown, questions: readonly unknown[]): Promise<void>;
  saveRecord(id: string, record: unknown): Promise<void>;
  questions(id: string): Promise<unknown[]>;
  /** Result and trace together or neither; resolves when they are safe. @throws AppError `STORAGE_FULL` */
  append(id: string, stored: StoredResult, trace: unknown): Promise<void>;
  /** In the order in which they were appended. */
  results(id: string): Promise<StoredResult[]>;
  /** That came with the last result of this key; null where it came without. */
  trace(id: string, key: string): Promise<unknown>;
  remove(id: string): Promise<void>;
  /** Runs the work unless another tab or process does such work on the same evaluation; returns whether it ran. */
  exclusively(id: string, work: () => Promise<void>): Promise<boolean>;
}
