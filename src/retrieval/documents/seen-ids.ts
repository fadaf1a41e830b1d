import { rowError, type RowPlace } from './row-passage';

/** Refuses an id that comes twice, with both lines. */
export class SeenIds {
  readonly #lines = new Map<string, number>();

  add(id: string, { file, line }: RowPlace): void {
    const before = this.#lines.get(id);
    if (before !== undefined) {
      throw rowError({ file, line }, `repeats the id "${id}" of line ${before}`, 'Give each row its own id.');
    }
    this.#lines.set(id, line);
  }
}
