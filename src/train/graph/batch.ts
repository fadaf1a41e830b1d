/** A padded batch as the rows of one step: padding is left out, each sequence gets a slot. */
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, ROW_TOKEN } from '../../gpu/backend';
import { ROW_FOLLOWING } from '../../gpu/training';

export interface PackedBatch {
  rows: number;
  sequences: number;
  /** Length of the longest sequence. */
  longest: number;
  /** The row table, `[rows, ROW_FIELDS]`. */
  table: Uint32Array;
  /** `[sequences, columns]`: the row of each column, −1 for padding. */
  rowOf: Int32Array;
  columns: number;
}

/**
 * Positions count the valid tokens of a row from 0, wherever its padding lies.
 * @param ids `[sequences, columns]`
 * @param mask `[sequences, columns]`, 1 for valid tokens
 */
export function packBatch(ids: ArrayLike<number>, mask: ArrayLike<number>, columns: number): PackedBatch {
  const sequences = ids.length / columns;
  const rowOf = new Int32Array(ids.length).fill(-1);
  const fields: number[] = [];
  let rows = 0;
  let longest = 0;
  for (let sequence = 0; sequence < sequences; sequence += 1) {
    const begin = rows;
    for (let at = sequence * columns; at < (sequence + 1) * columns; at += 1) {
      if (mask[at] === 0) continue;
      rowOf[at] = rows;
      const row = [0, 0, 0, 0];
      [row[ROW_TOKEN], row[ROW_POSITION], row[ROW_SLOT]] = [ids[at]!, rows - begin, sequence];
      fields.push(...row);
      rows += 1;
    }
    for (let row = begin; row < rows; row += 1) fields[row * ROW_FIELDS + ROW_FOLLOWING] = rows - 1 - row;
    longest = Math.max(longest, rows - begin);
  }
  return { rows, sequences, longest, table: Uint32Array.from(fields), rowOf, columns };
}

/** The rows of whole sequences, without padding; column t of a sequence is its token t. */
export function packSequences(sequences: readonly (readonly number[])[]): PackedBatch {
  const columns = Math.max(1, ...sequences.map(({ length }) => length));
  const padded = (value: (tokens: readonly number[], t: number) => number): number[] =>
    sequences.flatMap((tokens) => Array.from({ length: columns }, (_, t) => value(tokens, t)));
  return packBatch(
    padded((tokens, t) => tokens[t] ?? 0),
    padded((tokens, t) => (t < tokens.length ? 1 : 0)),
    columns,
  );
}
