import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileInMemory } from './section-reader';
import { OffsetsBuilder, offsetsOf, scanOffsets } from './packs/passage-offsets';
import { encodePassages } from './passage-file';
import { RangedPassages } from './ranged-passages';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const passage = fc.record({ id: text, title: text, text });
const numbered = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ id: `p${i}`, title: '', text: 'lamp '.repeat((i % 9) * 20) }));

/** Reads a file in memory, and notes what it read. */
function open(file: Uint8Array) {
  const reads: [start: number, end: number][] = [];
  const read = (start: number, end: number): Promise<Uint8Array> => {
    reads.push([start, end]);
    return Promise.resolve(file.slice(start, end));
  };
  return { passages: new RangedPassages(read, offsetsOf(file), 'Import again.'), reads };
}

describe('passages read by range', () => {
  it('come back as they were, whichever are asked for', async () => {
    const instance = fc
      .array(passage, { minLength: 1, maxLength: 200 })
      .chain((list) => fc.tuple(fc.constant(list), fc.array(fc.nat(list.length - 1))));
    await fc.assert(
      fc.asyncProperty(instance, async ([list, rows]) => {
        const { passages } = open(encodePassages(list));
        expect(passages.length).toBe(list.length);
        const found = await passages.fetch(rows);
        expect(found).toEqual(new Map(rows.map((row) => [row, list[row]])));
        const all = [];
        for await (const batch of passages.batches()) all.push(...batch);
        expect(all).toEqual(list);
      }),
      { numRuns: 50 },
    );
  });

  it('are read together where they lie near each other, and not again', async () => {
    const { passages, reads } = open(encodePassages(numbered(2_000)));
    await passages.fetch([3, 1, 2, 1_900]);
    expect(reads).toHaveLength(2);
    await passages.fetch([2, 1_900]);
    expect(reads).toHaveLength(2);
  });

  it('come in order by reads of a megabyte or so, the memory of none kept', async () => {
    const file = encodePassages(numbered(8_000));
    const { passages, reads } = open(file);
    let rows = 0;
    for await (const batch of passages.batches()) rows += batch.length;
    expect(rows).toBe(8_000);
    expect(reads.length).toBeGreaterThan(2);
    expect(Math.max(...reads.map(([start, end]) => end - start))).toBeLessThan(1.1 * 2 ** 20);
    expect(passages.memoryBytes).toBeLessThan(9 * 8_000);
  });

  it('are refused where they were altered, and no others', async () => {
    const file = encodePassages(numbered(50));
    const { passages } = open(file);
    const [start = 0] = offsetsOf(file).range(20) ?? [];
    file[start + 12] = (file[start + 12] ?? 0) ^ 1;
    await expect(passages.fetch([5, 20])).rejects.toMatchObject({ code: 'INTEGRITY', fix: 'Import again.' });
    expect((await passages.fetch([5, 21])).size).toBe(2);
    await expect(passages.fetch([50])).rejects.toThrow('the corpus has only 50');
    const reading = (async () => {
      for await (const batch of passages.batches()) expect(batch.length).toBeGreaterThan(0);
    })();
    await expect(reading).rejects.toThrow('Passage 21');
  });

  it('are not read once nobody wants them', async () => {
    const { passages, reads } = open(encodePassages(numbered(50)));
    await expect(passages.fetch([1], AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(reads).toEqual([]);
  });
});

describe('the table of lines', () => {
  it('is the same however the file is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(passage), fc.array(fc.integer({ min: 1, max: 60 })), async (list, cuts) => {
        const file = encodePassages(list);
        const whole = offsetsOf(file);
        async function* pieces() {
          await Promise.resolve();
          let at = 0;
          for (const cut of cuts) yield file.slice(at, (at += cut));
          yield file.slice(at);
        }
        expect(await scanOffsets({ ...fileInMemory(file), pieces })).toEqual(whole);
        expect(whole.bytes).toBe(file.length);
        expect(whole.count).toBe(list.length);
      }),
      { numRuns: 50 },
    );
  });

  it('goes back to where it was', () => {
    fc.assert(
      fc.property(fc.array(passage), fc.array(passage), fc.array(passage), (kept, dropped, added) => {
        const builder = new OffsetsBuilder();
        builder.add(encodePassages([...kept, ...dropped]));
        builder.truncate(kept.length);
        builder.add(encodePassages(added));
        expect(builder.build()).toEqual(offsetsOf(encodePassages([...kept, ...added])));
      }),
      { numRuns: 50 },
    );
  });
});
