/** Turns "these tokens of these slots" into row tables and submits; the only place that runs the graph. */
import type { Backend, ReadRequest } from '../../gpu/backend';
import { ROW_FIELDS, ROW_POSITION, ROW_SLOT, ROW_TOKEN } from '../../gpu/backend';
import { AppError } from '../../protocol/errors';
import type { Graph } from '../graph';
import type { Pace } from './pace';
import type { PrefixCopy, Slot } from './slots';
import type { WorkingSet } from './working-set';

/** Tokens that come next in a slot. */
export interface Part {
  slot: Slot;
  tokens: readonly number[];
}

/** Submits without a read-back after which the backend waits for earlier ones, so that a submit's time can be seen. */
const UNSEEN_SUBMITS = 3;

export class StepRunner {
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #working: WorkingSet;
  readonly #pace: Pace;
  #closed = false;
  #submits = 0;

  constructor(backend: Backend, graph: Graph, working: WorkingSet, pace: Pace) {
    this.#backend = backend;
    this.#graph = graph;
    this.#working = working;
    this.#pace = pace;
  }

  get capacity(): number {
    return this.#graph.sizes.capacity;
  }

  get maxRows(): number {
    return this.#graph.sizes.stepRows;
  }

  get maxHeadRows(): number {
    return this.#graph.sizes.headRows;
  }

  /** Nothing is written or run any more. */
  close(): void {
    this.#closed = true;
  }

  /** Copies a prefix that another slot holds; `tokens` are those of the copied positions. */
  async copy(slot: Slot, { from, first, count }: PrefixCopy, tokens: readonly number[]): Promise<void> {
    const { copyRows, copyTable, copies } = this.#working;
    this.#expectOpen();
    copyRows.value = count;
    this.#backend.write(copyTable, Uint32Array.of(from.index, slot.index, first, 0));
    await this.#backend.run(copies);
    this.append([{ slot, tokens }]);
  }

  /** Computes rows of one or more slots and appends them to the cache. */
  async extend(parts: readonly Part[]): Promise<void> {
    const rows = this.#setRows(parts);
    const started = performance.now();
    await this.#backend.run(this.#graph.body);
    this.#submits += 1;
    if (rows === this.#pace.rows && this.#submits >= UNSEEN_SUBMITS) {
      this.#pace.recordRows(rows, performance.now() - started);
    }
    this.append(parts);
  }

  /** As `extend`, and the head over the last row of every part. */
  async extendAndRead(parts: readonly Part[], reads: readonly ReadRequest[]): Promise<Float32Array[]> {
    const results = await this.decode(parts, reads);
    this.append(parts);
    return results;
  }

  /** As `extendAndRead`; which tokens count as cached is left to the caller. */
  decode(parts: readonly Part[], reads: readonly ReadRequest[]): Promise<Float32Array[]> {
    this.#setRows(parts);
    let end = 0;
    this.#select(parts.map(({ tokens }) => (end += tokens.length) - 1));
    this.#submits = 0;
    return this.#backend.run([...this.#graph.body, ...this.#graph.head], reads);
  }

  /** The head over rows of the step before; `targets` are the columns whose logits the statistics name. */
  async head(
    rows: readonly number[],
    targets: readonly number[],
    reads: readonly ReadRequest[],
  ): Promise<Float32Array[]> {
    this.#expectOpen();
    this.#select(rows);
    this.#backend.write(this.#graph.targets, Uint32Array.from(targets));
    this.#submits = 0;
    return this.#backend.run(this.#graph.head, reads);
  }

  /** These tokens lie in the cache now. Only after a run: after an error a slot is known to hold what it held before. */
  append(parts: readonly Part[]): void {
    for (const { slot, tokens } of parts) for (const token of tokens) slot.tokens.push(token);
  }

  #select(indices: readonly number[]): void {
    const { headRows, selected } = this.#graph;
    headRows.value = indices.length;
    this.#backend.write(selected, Uint32Array.from(indices));
  }

  #setRows(parts: readonly Part[]): number {
    this.#expectOpen();
    const { rows, rowTable } = this.#graph;
    const count = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const table = new Uint32Array(count * ROW_FIELDS);
    let at = 0;
    for (const { slot, tokens } of parts) {
      tokens.forEach((token, i) => {
        table[at + ROW_TOKEN] = token;
        table[at + ROW_POSITION] = slot.tokens.length + i;
        table[at + ROW_SLOT] = slot.index;
        at += ROW_FIELDS;
      });
    }
    rows.value = count;
    rows.oneSequence = parts.length === 1;
    this.#backend.write(rowTable, table);
    return count;
  }

  #expectOpen(): void {
    if (this.#closed) throw new AppError('INTERNAL', 'The model has been unloaded.');
  }
}
