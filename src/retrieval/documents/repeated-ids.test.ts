import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RepeatedIds } from './repeated-ids';

const passage = (id: string, text: string) => ({ id, title: '', text });
const placed = (ids: RepeatedIds, ...list: [string, string][]): (string | null)[] =>
  list.map(([id, text]) => ids.place(passage(id, text))?.id ?? null);

describe('ids that come again', () => {
  it('are numbered in order; what is the same word for word is left out', () => {
    const ids = new RepeatedIds();
    expect(placed(ids, ['a', 'x'], ['a', 'y'], ['b', 'x'], ['a', 'x'], ['a', 'z'], ['a', 'y'])).toEqual([
      ...['a', 'a~2', 'b', null, 'a~3', null],
    ]);
    expect(ids.counts).toEqual({ numbered: 2, dropped: 2 });
  });

  it('get a number that no other row has, whichever comes first', () => {
    expect(placed(new RepeatedIds(), ['a~2', 'x'], ['a', 'x'], ['a', 'y'])).toEqual(['a~2', 'a', 'a~3']);
    expect(placed(new RepeatedIds(), ['a', 'x'], ['a', 'y'], ['a~2', 'x'])).toEqual(['a', 'a~2', 'a~2~2']);
  });

  it('are forgotten with the file that was not taken', () => {
    const ids = new RepeatedIds();
    placed(ids, ['a', 'x'], ['a', 'y']);
    ids.mark();
    placed(ids, ['a', 'z'], ['b', 'x'], ['b', 'y'], ['a', 'x']);
    ids.forget();
    expect(ids.counts).toEqual({ numbered: 1, dropped: 0 });
    expect(placed(ids, ['b', 'y'], ['b', 'y'], ['b', 'x'], ['a', 'x'])).toEqual(['b', null, 'b~2', null]);
    expect(placed(ids, ['a', 'z'])).not.toContain(null);
  });

  it('come out unique, and every text of an id stays once', () => {
    const rowsOf = (...ids: string[]) =>
      fc.array(fc.tuple(fc.constantFrom(...ids), fc.constantFrom('x', 'y', 'z')));
    const keptOf = (list: [string, string][]): string[] =>
      placed(new RepeatedIds(), ...list).filter((id) => id !== null);
    fc.assert(
      fc.property(rowsOf('a', 'b', 'a~2', 'a~2~2'), rowsOf('a', 'b'), (awkward, plain) => {
        const kept = keptOf(awkward);
        expect(new Set(kept).size).toBe(kept.length);
        expect(keptOf(plain)).toHaveLength(new Set(plain.map((row) => row.join())).size);
      }),
    );
  });
});
