/** The places of the key-value cache: who has which, and what of it a new sequence can use again. */

export interface Slot {
  readonly index: number;
  /** Tokens whose keys and values lie here, in order. */
  tokens: number[];
  /** The adapter that they were computed with; undefined for the model itself. */
  adapter: string | undefined;
  busy: boolean;
  /** Counts up with every use; 0 = never. */
  lastUsed: number;
}

/** Positions that another slot already holds. */
export interface PrefixCopy {
  from: Slot;
  first: number;
  count: number;
}

export interface Placement {
  /** Cut to the prefix it shares with the sequence; busy until it is released. */
  slot: Slot;
  /** To be copied before anything is computed; the slot's tokens grow only then. */
  copy: PrefixCopy | undefined;
}

export class Slots {
  readonly #slots: readonly Slot[];
  #uses = 0;
  /** Busy slots whose content must not outlive their use. */
  readonly #forgotten = new Set<Slot>();

  constructor(count: number) {
    this.#slots = Array.from({ length: count }, (_, index) => ({
      ...{ index, tokens: [], adapter: undefined, busy: false, lastUsed: 0 },
    }));
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Tokens in all slots. */
  get cachedTokens(): number {
    return this.#slots.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }

  /** The slot used last; undefined before the first use. */
  get latest(): Slot | undefined {
    return this.#slots.filter(({ lastUsed }) => lastUsed > 0).sort((a, b) => b.lastUsed - a.lastUsed)[0];
  }

  /**
   * Takes a slot for a sequence; undefined while all are busy. The last token never counts as cached: its logits must be
   * computed anew. A free slot that the sequence continues is taken as it is. Otherwise the one unused for longest is
   * given up, and the longest prefix that any slot holds, busy or not, is copied into it.
   */
  place(tokens: readonly number[], adapter?: string): Placement | undefined {
    const known = this.#slots.map((slot) => ({ slot, common: this.#common(slot, tokens, adapter) }));
    const free = known.filter(({ slot }) => !slot.busy);
    const oldest = least(free, ({ slot }) => slot.lastUsed);
    if (!oldest) return undefined;
    // Of equally good slots, the free one that is used up best.
    const best =
      least(known, ({ slot, common }) => [-common, slot.busy ? 1 : 0, slot.tokens.length]) ?? oldest;
    const continued = !best.slot.busy && best.common > 0 && 2 * best.common >= best.slot.tokens.length;
    const { slot, common } = continued ? best : oldest;
    const count = best.common - common;
    const copy = count > 0 ? { from: best.slot, first: common, count } : undefined;
    this.#occupy(slot);
    slot.tokens = slot.tokens.slice(0, common);
    slot.adapter = adapter;
    return { slot, copy };
  }

  /** Takes a free slot for a sequence that shares nothing; undefined while all are busy. */
  takeEmpty(adapter?: string): Slot | undefined {
    const slot = least(
      this.#slots.filter(({ busy }) => !busy),
      ({ lastUsed }) => lastUsed,
    );
    if (!slot) return undefined;
    this.#occupy(slot);
    slot.tokens = [];
    slot.adapter = adapter;
    return slot;
  }

  /** Whether a sequence under way belongs to this adapter. */
  uses(adapter: string): boolean {
    return this.#slots.some((slot) => slot.busy && slot.adapter === adapter);
  }

  /** Takes this slot as it is; undefined while it is busy. */
  take(slot: Slot): Slot | undefined {
    if (slot.busy) return undefined;
    this.#occupy(slot);
    return slot;
  }

  release(slot: Slot): void {
    slot.busy = false;
    this.#touch(slot);
    if (this.#forgotten.delete(slot)) slot.tokens = [];
  }

  /** Drops what the slots hold of `adapter`, or of everything; busy ones when they are released. */
  forget(which: 'all' | { adapter: string } = 'all'): void {
    for (const slot of this.#slots) {
      if (which !== 'all' && slot.adapter !== which.adapter) continue;
      if (slot.busy) this.#forgotten.add(slot);
      else slot.tokens = [];
    }
  }

  #common(slot: Slot, tokens: readonly number[], adapter: string | undefined): number {
    if (slot.adapter !== adapter || this.#forgotten.has(slot)) return 0;
    const most = Math.min(slot.tokens.length, tokens.length - 1);
    let common = 0;
    while (common < most && slot.tokens[common] === tokens[common]) common += 1;
    return common;
  }

  #occupy(slot: Slot): void {
    slot.busy = true;
    this.#touch(slot);
  }

  #touch(slot: Slot): void {
    this.#uses += 1;
    slot.lastUsed = this.#uses;
  }
}

/** The item with the smallest key, compared number by number; the first of equal ones. */
function least<T>(items: readonly T[], keyOf: (item: T) => number | number[]): T | undefined {
  let best: { item: T; key: number[] } | undefined;
  for (const item of items) {
    const key = [keyOf(item)].flat();
    const place = best?.key.findIndex((value, i) => value !== key[i]) ?? -1;
    if (!best || (place >= 0 && (key[place] ?? 0) < (best.key[place] ?? 0))) best = { item, key };
  }
  return best?.item;
}
