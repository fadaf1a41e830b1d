/** Which episodes are computed together: as many tokens in a pass as there is room for, whatever the recipe's micro-batches are. */
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, ROW_TOKEN } from '../../gpu/backend';
import { ROW_FOLLOWING } from '../../gpu/training';
import { AppError } from '../../protocol/errors';
import type { PackedBatch } from '../graph/batch';
import type { Episodes } from './episodes';

export interface PassSizes {
  /** Most tokens of a pass, and most sequences. */
  rows: number;
  sequences: number;
}

/** Whole episodes without padding, one after the other. */
export interface Pass {
  batch: PackedBatch;
  /** Indices of the episodes, and the row where each begins. */
  members: readonly number[];
  begins: readonly number[];
}

/** Cells of the grid that a pass computes, and for each the row of its state and the token that followed. */
export interface PassCells {
  cells: Int32Array;
  rows: Uint32Array;
  tokens: Uint32Array;
}

/**
 * First fit, the longest first. Every gradient is a sum over tokens whose weights are fixed beforehand, so what lies in which pass
 * changes nothing but the order of sums.
 * @throws AppError CONTEXT_TOO_LONG for an episode longer than a pass
 */
export function planPasses(
  episodes: Episodes,
  indices: readonly number[],
  { rows, sequences }: PassSizes,
): Pass[] {
  const lengthOf = (i: number): number => episodes.rollouts[i]!.tokens.length;
  const bins: { members: number[]; tokens: number }[] = [];
  for (const i of [...indices].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b)) {
    const tokens = lengthOf(i);
    if (tokens > rows) {
      throw new AppError('CONTEXT_TOO_LONG', `An episode has ${tokens} tokens; a pass takes ${rows}.`, {
        fix: 'Shorten prompts, observations or answers in the configuration, or start the run with longer passes.',
        context: { tokens, rows },
      });
    }
    const free = bins.find((bin) => bin.tokens + tokens <= rows && bin.members.length < sequences);
    if (free) {
      free.members.push(i);
      free.tokens += tokens;
    } else bins.push({ members: [i], tokens });
  }
  return bins.map(({ members }) => packPass(episodes, members));
}

function packPass({ rollouts }: Episodes, members: readonly number[]): Pass {
  const sequences = members.map((i) => rollouts[i]!.tokens);
  const rows = sequences.reduce((sum, tokens) => sum + tokens.length, 0);
  const longest = Math.max(...sequences.map((tokens) => tokens.length));
  const table = new Uint32Array(rows * ROW_FIELDS);
  const rowOf = new Int32Array(sequences.length * longest).fill(-1);
  const begins: number[] = [];
  let row = 0;
  sequences.forEach((tokens, slot) => {
    begins.push(row);
    tokens.forEach((token, position) => {
      const at = row * ROW_FIELDS;
      table[at + ROW_TOKEN] = token;
      table[at + ROW_POSITION] = position;
      table[at + ROW_SLOT] = slot;
      table[at + ROW_FOLLOWING] = tokens.length - 1 - position;
      rowOf[slot * longest + position] = row;
      row += 1;
    });
  });
  return {
    ...{ members, begins },
    batch: { rows, sequences: sequences.length, longest, table, rowOf, columns: longest },
  };
}

/** The cells of a pass where the mask is 1. The token of a cell after the last one is 0: there is none. */
export function cellsOf({ rollouts, length }: Episodes, pass: Pass, mask: ArrayLike<number>): PassCells {
  const [cells, rows, tokens]: [number[], number[], number[]] = [[], [], []];
  pass.members.forEach((i, place) => {
    const { promptLength, tokens: all } = rollouts[i]!;
    const before = pass.begins[place]! + promptLength - 1;
    for (let t = 0; t <= all.length - promptLength; t += 1) {
      if (mask[i * length + t] === 0) continue;
      cells.push(i * length + t);
      rows.push(before + t);
      tokens.push(all[promptLength + t] ?? 0);
    }
  });
  return { cells: Int32Array.from(cells), rows: Uint32Array.from(rows), tokens: Uint32Array.from(tokens) };
}
