import type { Operation, ReadRequest } from '../../gpu/backend';
import { Outcome, type Job } from './job';
import type { Pace } from './pace';
import type { Slot, Slots } from './slots';
import type { StepRunner } from './step-runner';

export interface ScoringRequest {
  /** Checked: each has at least one token and fits into a slot. */
  sequences: readonly (readonly number[])[];
  /** What is read of the head, for one row. */
  read: ReadRequest;
  /** Default: the graph's. */
  head?: readonly Operation[];
  /** Called for every token of every sequence, in order within a sequence. */
  onRow: (sequence: number, row: number, values: Float32Array) => void;
  adapter: string | undefined;
  signal: AbortSignal | undefined;
}

/** A sequence under way: its tokens so far are those of its slot. */
interface Open {
  slot: Slot;
  sequence: number;
}

/** A row of a step that the head has not seen yet. */
interface PendingRow {
  sequence: number;
  row: number;
  index: number;
}

/**
 * Computes whole sequences and reads something of every row. The head runs over blocks of rows, so the logits of a sequence never
 * lie in memory together. Short sequences share a step where there are slots for them.
 */
export class ScoringJob implements Job {
  readonly signal: AbortSignal | undefined;
  readonly #request: ScoringRequest;
  readonly #tools: { runner: StepRunner; pace: Pace };
  readonly #outcome = new Outcome<undefined>();
  readonly #taken: Slot[] = [];
  readonly #idle: Slot[] = [];
  #open: Open[] = [];
  #begun = 0;
  #slots: Slots | undefined;

  constructor(request: ScoringRequest, tools: { runner: StepRunner; pace: Pace }) {
    this.signal = request.signal;
    this.#request = request;
    this.#tools = tools;
  }

  get promise(): Promise<undefined> {
    return this.#outcome.promise;
  }

  start(slots: Slots): boolean {
    this.#slots = slots;
    const slot = this.#takeSlot();
    if (slot) this.#idle.push(slot);
    return slot !== undefined;
  }

  async advance(): Promise<'more' | 'done'> {
    const pending = await this.#computeStep();
    // All of the step's rows at once: the next decode step takes their place.
    while (pending.length > 0) await this.#readBlock(pending.splice(0, this.#tools.runner.maxHeadRows));
    if (this.#open.length > 0 || this.#begun < this.#request.sequences.length) return 'more';
    this.#release();
    this.#outcome.resolve(undefined);
    return 'done';
  }

  fail(error: unknown): void {
    this.#release();
    this.#outcome.reject(error);
  }

  async #computeStep(): Promise<PendingRow[]> {
    const { sequences } = this.#request;
    const { runner, pace } = this.#tools;
    let room = pace.rows;
    const parts = [];
    // A sequence joins others only with all that is left of it: a step of a single sequence attends faster.
    for (;;) {
      const open = this.#openFor(room, parts.length === 0);
      if (!open) break;
      const from = open.slot.tokens.length;
      const tokens = sequences[open.sequence]?.slice(from, from + room) ?? [];
      parts.push({ ...open, tokens });
      room -= tokens.length;
      if (room === 0) break;
    }
    const pending: PendingRow[] = [];
    for (const { sequence, slot, tokens } of parts) {
      const from = slot.tokens.length;
      tokens.forEach((_, i) => pending.push({ sequence, row: from + i, index: pending.length }));
    }
    await runner.extend(parts);
    for (const { slot, sequence } of parts) {
      if (slot.tokens.length < (sequences[sequence]?.length ?? 0)) this.#open.push({ slot, sequence });
      else this.#idle.push(slot);
    }
    return pending;
  }

  /** The next sequence for this step, taken out of those that wait; undefined if none fits. */
  #openFor(room: number, first: boolean): Open | undefined {
    const { sequences } = this.#request;
    const unfinished = this.#open[0];
    if (unfinished) {
      const left = (sequences[unfinished.sequence]?.length ?? 0) - unfinished.slot.tokens.length;
      if (!first && left > room) return undefined;
      return this.#open.shift();
    }
    const next = sequences[this.#begun];
    if (!next || (!first && next.length > room)) return undefined;
    const slot = this.#idle.pop() ?? this.#takeSlot();
    if (!slot) return undefined;
    slot.tokens = [];
    this.#begun += 1;
    return { slot, sequence: this.#begun - 1 };
  }

  async #readBlock(block: readonly PendingRow[]): Promise<void> {
    const { sequences, read, head, onRow } = this.#request;
    const targets = block.map(({ sequence, row }) => sequences[sequence]?.[row + 1] ?? 0);
    const request = { tensor: read.tensor, count: block.length * read.count };
    const rows = block.map(({ index }) => index);
    const [values] = await this.#tools.runner.head(rows, targets, [request], head);
    block.forEach(({ sequence, row }, i) => {
      if (values) onRow(sequence, row, values.subarray(i * read.count, (i + 1) * read.count));
    });
  }

  #takeSlot(): Slot | undefined {
    const slot = this.#slots?.takeEmpty(this.#request.adapter);
    if (slot) this.#taken.push(slot);
    return slot;
  }

  #release(): void {
    for (const slot of this.#taken.splice(0)) this.#slots?.release(slot);
  }
}
