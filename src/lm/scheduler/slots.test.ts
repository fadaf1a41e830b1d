import { describe, expect, it } from 'vitest';
import { Slots, type Placement } from './slots';

const place = (slots: Slots, tokens: number[], adapter?: string): Placement => {
  const placement = slots.place(tokens, adapter);
  if (!placement) throw new Error('no slot');
  return placement;
};

/** As if the rest had been computed. */
function fill(placement: Placement, tokens: readonly number[]): Placement {
  placement.slot.tokens = [...tokens];
  return placement;
}

const text = (...parts: string[]): number[] => [...parts.join('')].map((letter) => letter.charCodeAt(0));

describe('a new sequence', () => {
  it('continues in the slot that holds its beginning, less the last token', () => {
    const slots = new Slots(3);
    const first = fill(place(slots, text('abcd')), text('abcdef'));
    slots.release(first.slot);
    const next = place(slots, text('abcdef'));
    expect(next).toEqual({ slot: first.slot, copy: undefined });
    expect(next.slot.tokens).toEqual(text('abcde'));
  });

  it('gets a copy of the prefix where the slot that holds it is busy', () => {
    const slots = new Slots(2);
    const first = fill(place(slots, text('prompt')), text('prompt and more'));
    const second = place(slots, text('prompt'));
    expect(second.slot).not.toBe(first.slot);
    expect(second.copy).toEqual({ from: first.slot, first: 0, count: 5 });
    expect(first.slot.tokens).toEqual(text('prompt and more'));
  });

  it('gets a copy where taking the slot would throw away most of what it holds', () => {
    const slots = new Slots(2);
    const first = fill(place(slots, text('system: ')), text('system: a long conversation'));
    slots.release(first.slot);
    const second = place(slots, text('system: other'));
    expect(second.slot).not.toBe(first.slot);
    expect(second.copy).toEqual({ from: first.slot, first: 0, count: 8 });
  });

  it('copies only what its own slot lacks', () => {
    const slots = new Slots(2);
    const first = fill(place(slots, text('abc')), text('abcxxxxxx'));
    slots.release(first.slot);
    const second = fill(place(slots, text('abcdefgh')), text('abcdefgh'));
    const third = place(slots, text('abcdefghi'));
    expect(third.slot).toBe(first.slot);
    expect(third.slot.tokens).toEqual(text('abc'));
    expect(third.copy).toEqual({ from: second.slot, first: 3, count: 5 });
  });

  it('takes the slot unused for longest when it shares nothing', () => {
    const slots = new Slots(2);
    const [first, second] = [text('aaaa'), text('bbbb')].map((tokens) => fill(place(slots, tokens), tokens));
    if (second) slots.release(second.slot);
    if (first) slots.release(first.slot);
    expect(place(slots, text('cccc')).slot).toBe(second?.slot);
  });

  it('waits while all slots are busy', () => {
    const slots = new Slots(1);
    const { slot } = place(slots, [1, 2]);
    expect(slots.place([1, 2])).toBeUndefined();
    expect(slots.takeEmpty()).toBeUndefined();
    expect(slots.take(slot)).toBeUndefined();
    slots.release(slot);
    expect(slots.take(slot)).toBe(slot);
  });

  it('never uses what another adapter computed', () => {
    const slots = new Slots(2);
    const first = fill(place(slots, text('abcdef'), 'actor'), text('abcdef'));
    slots.release(first.slot);
    const plain = place(slots, text('abcdef'));
    expect(plain.copy).toBeUndefined();
    expect(plain.slot.tokens).toEqual([]);
    const same = place(slots, text('abcdef'), 'actor');
    expect(same.slot).toBe(first.slot);
    expect(same.slot.tokens).toEqual(text('abcde'));
  });
});

describe('forgetting', () => {
  it('empties free slots at once and busy ones when they are released', () => {
    const slots = new Slots(2);
    const busy = fill(place(slots, text('abc')), text('abc'));
    const free = fill(place(slots, text('xyz')), text('xyz'));
    slots.release(free.slot);
    slots.forget();
    expect(slots.cachedTokens).toBe(3);
    expect(place(slots, text('abcd')).copy).toBeUndefined();
    slots.release(busy.slot);
    expect(slots.cachedTokens).toBe(0);
  });

  it('of one adapter leaves the others', () => {
    const slots = new Slots(2);
    for (const adapter of ['actor', 'critic']) {
      slots.release(fill(place(slots, text('abc'), adapter), text('abc')).slot);
    }
    slots.forget({ adapter: 'actor' });
    expect(slots.cachedTokens).toBe(3);
    expect(place(slots, text('abcd'), 'critic').slot.tokens).toEqual(text('abc'));
  });
});

it('remembers the slot that was used last', () => {
  const slots = new Slots(3);
  expect(slots.latest).toBeUndefined();
  const first = place(slots, [1]);
  const second = place(slots, [2]);
  expect(slots.latest).toBe(second.slot);
  slots.release(first.slot);
  expect(slots.latest).toBe(first.slot);
});
