import { rowError, type RowPlace } from './row-passage';

/** What to do about ids that come again. */
export const NUMBER_THEM =
  'Give each row its own id, or have them numbered: “Number repeated ids” among the options of the import, --number-repeats of `s3 index build`, `ask`, `serve` and `evaluate`.';

/** Refuses an id that comes twice, with both lines. */
export class SeenIds {
  readonly #lines = new Map<string, number>();

  add(id: string, { file, line }: RowPlace): void {
    const before = this.#lines.get(id);
    if (before !== undefined) {
      throw rowError({ file, line }, `repeats the id "${id}" of line ${before}`, NUMBER_THEM);
    }
    this.#lines.set(id, line);
  }
}
