/** Jobs that bring the cache to a state and read the last logits; nothing is sampled. */
import { Outcome, type Job } from './job';
import type { Prefill } from './prefill';
import type { Slot, Slots } from './slots';
import type { Part } from './step-runner';

/** A prefill on its own. */
export class PrefillJob<T> implements Job {
  readonly #outcome = new Outcome<{ value: T; cachedTokens: number }>();

  constructor(
    private readonly prefill: Prefill<T>,
    readonly signal: AbortSignal | undefined,
  ) {}

  get promise(): Promise<{ value: T; cachedTokens: number }> {
    return this.#outcome.promise;
  }

  start(slots: Slots): boolean {
    return this.prefill.start(slots);
  }

  async advance(): Promise<'more' | 'done'> {
    const value = await this.prefill.advance();
    if (value === undefined) return 'more';
    this.prefill.release();
    this.#outcome.resolve({ value, cachedTokens: this.prefill.cachedTokens });
    return 'done';
  }

  fail(error: unknown): void {
    this.prefill.release();
    this.#outcome.reject(error);
  }
}

/** One token more in the slot that was used last. */
export class AppendJob<T> implements Job {
  readonly #outcome = new Outcome<T>();
  #taken: { slot: Slot; slots: Slots } | undefined;

  constructor(
    private readonly token: number,
    readonly signal: AbortSignal | undefined,
    private readonly compute: (part: Part) => Promise<T>,
  ) {}

  get promise(): Promise<T> {
    return this.#outcome.promise;
  }

  start(slots: Slots): boolean {
    const { latest } = slots;
    const slot = latest ? slots.take(latest) : slots.takeEmpty();
    if (slot) this.#taken = { slot, slots };
    return slot !== undefined;
  }

  async advance(): Promise<'done'> {
    const slot = this.#taken?.slot;
    if (slot) {
      const value = await this.compute({ slot, tokens: [this.token] });
      this.#release();
      this.#outcome.resolve(value);
    }
    return 'done';
  }

  fail(error: unknown): void {
    this.#release();
    this.#outcome.reject(error);
  }

  #release(): void {
    if (this.#taken) this.#taken.slots.release(this.#taken.slot);
    this.#taken = undefined;
  }
}

/** Runs once no sequence of an adapter is under way; none begins in the meantime. */
export class AdapterJob implements Job {
  readonly signal = undefined;
  readonly #outcome = new Outcome<undefined>();

  constructor(
    private readonly adapter: string,
    private readonly work: () => void,
  ) {}

  get promise(): Promise<undefined> {
    return this.#outcome.promise;
  }

  start(slots: Slots): boolean {
    return !slots.uses(this.adapter);
  }

  advance(): Promise<'done'> {
    this.work();
    this.#outcome.resolve(undefined);
    return Promise.resolve('done');
  }

  fail(error: unknown): void {
    this.#outcome.reject(error);
  }
}
