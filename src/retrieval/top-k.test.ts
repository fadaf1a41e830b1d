import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopKHeap } from './top-k';

describe('the best k', () => {
  it('are those of a full sort, ties to the lower row, whatever the order of arrival', () => {
    const pairs = fc.uniqueArray(fc.record({ row: fc.nat(500), score: fc.integer({ min: -3, max: 3 }) }), {
      selector: ({ row }) => row,
      maxLength: 200,
    });
    fc.assert(
      fc.property(pairs, fc.integer({ min: 0, max: 40 }), (given, k) => {
        const heap = new TopKHeap(k);
        for (const { row, score } of given) {
          // What the threshold excludes must not matter.
          if (score >= heap.threshold) heap.push(row, score);
        }
        const expected = [...given].sort((a, b) => b.score - a.score || a.row - b.row).slice(0, k);
        const { rows, scores } = heap.take();
        expect([...rows]).toEqual(expected.map(({ row }) => row));
        expect([...scores]).toEqual(expected.map(({ score }) => score));
      }),
      { numRuns: 500 },
    );
  });

  it('leave the heap empty for the next query', () => {
    const heap = new TopKHeap(2);
    heap.push(1, 5);
    heap.take();
    heap.push(7, -1);
    expect([...heap.take().rows]).toEqual([7]);
  });
});
