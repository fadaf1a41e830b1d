import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PatientBytes } from '../section-reader';
import { ByteLists } from './byte-lists';
import { PostingListsBuilder } from './posting-lists';

describe('many lists of bytes that grow side by side', () => {
  it('are what was put into each, however long they get and in whatever order', () => {
    const lists = new ByteLists();
    const expected: number[][] = [];
    // Long enough for slices of the last size and for many blocks; a hundred lists that stay short among them.
    for (let step = 0; step < 200_000; step++) {
      const list = step % 7 === 0 ? 3 + (step % 100) : step % 3;
      while (expected.length <= list) {
        expect(lists.open()).toBe(expected.length);
        expected.push([]);
      }
      const byte = (step * 31) % 256;
      lists.push(list, byte);
      expected[list]?.push(byte);
    }
    expect(lists.bytes).toBe(200_000);
    const all = new Uint8Array(lists.bytes);
    let at = 0;
    expected.forEach((bytes, list) => {
      const end = lists.copy(list, all, at);
      expect(Buffer.from(bytes).equals(all.subarray(at, end))).toBe(true);
      at = end;
    });
    expect(at).toBe(200_000);
  });
});

describe('postings', () => {
  it('come back from lists of thousands', () => {
    const builder = new PostingListsBuilder();
    const [often, seldom] = [builder.open(), builder.open()];
    for (let row = 0; row < 60_000; row++) {
      builder.add(often, row, 1 + (row % 3));
      if (row % 977 === 0) builder.add(seldom, row, 70_000);
    }
    const lists = builder.build();
    expect([...lists.lengths]).toEqual([60_000, 62]);
    let row = 0;
    for (const cursor = lists.open(often); cursor.next(); row++) {
      if (cursor.row !== row || cursor.frequency !== 1 + (row % 3)) throw new Error(`Row ${row} is wrong.`);
    }
    expect(row).toBe(60_000);
    // As often as the file can say.
    for (const cursor = lists.open(seldom); cursor.next();) expect(cursor.frequency).toBe(65_535);
  });

  it('are refused out of order, and where a word does not occur', () => {
    const builder = new PostingListsBuilder();
    builder.open();
    builder.add(0, 5, 1);
    expect(() => builder.add(0, 5, 1)).toThrow(RangeError);
    expect(() => builder.add(0, 6, 0)).toThrow(RangeError);
  });
});

describe('room for what is promised', () => {
  it('grows with what comes, and ends with what was promised', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (bytes, each) => {
        const room = new PatientBytes(bytes.length, 16);
        for (let at = 0; at < bytes.length; at += each) room.sink(bytes.subarray(at, at + each), at);
        expect(room.bytes).toEqual(new Uint8Array(bytes));
      }),
    );
    expect(new PatientBytes(2 ** 50, 16).bytes).toHaveLength(16);
  });
});
