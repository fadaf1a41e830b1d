import { AppError } from '../../protocol/errors';
import type { Pace } from './pace';
import type { PrefixCopy, Slot, Slots } from './slots';
import type { Part, StepRunner } from './step-runner';

/** Brings a slot to exactly the given tokens, computing only what no slot holds yet, piece by piece. */
export class Prefill<T> {
  readonly #tokens: readonly number[];
  readonly #adapter: string | undefined;
  readonly #tools: { runner: StepRunner; pace: Pace };
  /** Computes the last piece, and something from the logits after it. */
  readonly #finish: (last: Part) => Promise<T>;
  #taken: { slot: Slot; slots: Slots } | undefined;
  #copy: PrefixCopy | undefined;
  #cachedTokens = 0;

  constructor(
    { tokens, adapter }: { tokens: readonly number[]; adapter: string | undefined },
    tools: { runner: StepRunner; pace: Pace },
    finish: (last: Part) => Promise<T>,
  ) {
    this.#tokens = tokens;
    this.#adapter = adapter;
    this.#tools = tools;
    this.#finish = finish;
  }

  get slot(): Slot {
    if (!this.#taken) throw new AppError('INTERNAL', 'A sequence was computed before it had a place.');
    return this.#taken.slot;
  }

  /** Of the tokens, those that were found in the cache. */
  get cachedTokens(): number {
    return this.#cachedTokens;
  }

  start(slots: Slots): boolean {
    const placement = slots.place(this.#tokens, this.#adapter);
    if (!placement) return false;
    this.#taken = { slot: placement.slot, slots };
    this.#copy = placement.copy;
    this.#cachedTokens = placement.slot.tokens.length + (placement.copy?.count ?? 0);
    return true;
  }

  /** Undefined while there is more to do. */
  async advance(): Promise<T | undefined> {
    const { runner, pace } = this.#tools;
    if (this.#copy) {
      const { first, count } = this.#copy;
      await runner.copy(this.slot, this.#copy, this.#tokens.slice(first, first + count));
      this.#copy = undefined;
    }
    const from = this.slot.tokens.length;
    const part = { slot: this.slot, tokens: this.#tokens.slice(from, from + pace.rows) };
    if (from + part.tokens.length >= this.#tokens.length) return this.#finish(part);
    await runner.extend([part]);
    return undefined;
  }

  release(): void {
    if (this.#taken) this.#taken.slots.release(this.#taken.slot);
    this.#taken = undefined;
  }
}
