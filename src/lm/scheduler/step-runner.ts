/** Turns "these tokens of these slots" into row tables and submits; the only place that runs the graph. */
import type { Backend, Operation, ReadRequest } from '../../gpu/backend';
import {
  ROW_FIELDS,
  ROW_POSITION,
  ROW_SLOT,
  ROW_TOKEN,
  SAMPLED_FIELDS,
  SAMPLE_SETTINGS,
} from '../../gpu/backend';
import type { SampleSettings } from '../../gpu/cpu/sample';
import { AppError } from '../../protocol/errors';
import type { Graph } from '../graph';
import { encodeSettings, seenTokens, type SampledToken } from '../sampling';
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
    await this.#backend.run(this.#program(parts));
    this.#submits += 1;
    if (rows === this.#pace.rows && this.#submits >= UNSEEN_SUBMITS) {
      this.#pace.recordRows(rows, performance.now() - started);
    }
    this.append(parts);
  }

  /** As `extend`, and the head over the last row of every part. */
  async extendAndRead(parts: readonly Part[], reads: readonly ReadRequest[]): Promise<Float32Array[]> {
    this.#setRows(parts);
    this.#selectLast(parts);
    this.#submits = 0;
    const results = await this.#backend.run([...this.#program(parts), ...this.#graph.head], reads);
    this.append(parts);
    return results;
  }

  /** What a slot's tokens are drawn with from now on; `tokens` are those of its prompt. */
  setSampling(slot: Slot, settings: SampleSettings, tokens: readonly number[]): void {
    this.#expectOpen();
    const { settings: table, seen } = this.#working;
    this.#backend.write(table, encodeSettings(settings), slot.index * SAMPLE_SETTINGS);
    if (settings.penalty === 1) return;
    const bits = seenTokens(this.#graph.logits.shape[1] ?? 0, tokens);
    this.#backend.write(seen, bits, slot.index * bits.length);
  }

  /**
   * Draws a token for every part, and where there are several steps computes it and draws the next, without a look in between.
   * Of each step, the parts' tokens in order. Which of them count as cached is left to the caller (`append`).
   */
  async sample(parts: readonly Part[], steps = 1): Promise<SampledToken[][]> {
    this.#setRows(parts, steps);
    this.#selectLast(parts);
    this.#submits = 0;
    const { draw, sampled } = this.#working;
    const operations = [...this.#program(parts), ...draw];
    const all = Array.from({ length: steps }, () => operations).flat();
    const rows = parts.length;
    const [values] = await this.#backend.run(all, [
      { tensor: sampled, count: steps * rows * SAMPLED_FIELDS },
    ]);
    return Array.from({ length: steps }, (_, step) =>
      parts.map((_part, row) => {
        const at = (step * rows + row) * SAMPLED_FIELDS;
        return { id: values?.[at] ?? 0, logprob: values?.[at + 1] ?? NaN };
      }),
    );
  }

  /** The head over rows of the step before; `targets` are the columns whose logits the statistics name. */
  async head(
    rows: readonly number[],
    targets: readonly number[],
    reads: readonly ReadRequest[],
    head: readonly Operation[] = this.#graph.head,
  ): Promise<Float32Array[]> {
    this.#expectOpen();
    this.#select(rows);
    this.#backend.write(this.#graph.targets, Uint32Array.from(targets));
    this.#submits = 0;
    return this.#backend.run(head, reads);
  }

  /** These tokens lie in the cache now. Only after a run: after an error a slot is known to hold what it held before. */
  append(parts: readonly Part[]): void {
    for (const { slot, tokens } of parts) for (const token of tokens) slot.tokens.push(token);
  }

  /** All parts of a step belong to one adapter. */
  #program(parts: readonly Part[]): readonly Operation[] {
    return this.#graph.program(parts[0]?.slot.adapter);
  }

  #selectLast(parts: readonly Part[]): void {
    let end = 0;
    this.#select(parts.map(({ tokens }) => (end += tokens.length) - 1));
  }

  #select(indices: readonly number[]): void {
    const { headRows, selected } = this.#graph;
    headRows.value = indices.length;
    this.#backend.write(selected, Uint32Array.from(indices));
  }

  #setRows(parts: readonly Part[], steps = 1): number {
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
    rows.keys = Math.max(...parts.map(({ slot, tokens }) => slot.tokens.length + tokens.length)) + steps - 1;
    this.#backend.write(rowTable, table);
    return count;
  }

  #expectOpen(): void {
    if (this.#closed) throw new AppError('INTERNAL', 'The model has been unloaded.');
  }
}
