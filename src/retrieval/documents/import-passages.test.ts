import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Progress } from '../../protocol/retrieval';
import { importPassages, type PassageSink } from './import-passages';

/** As slow as a disk at times, so that there is something to report in between. */
function slowSink(): PassageSink {
  let count = 0;
  return {
    get count() {
      return count;
    },
    add: async () => {
      if (++count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    },
    mark: () => count,
    rewind: (mark) => Promise.resolve(void (count = Number(mark))),
  };
}

/** Lines; a file of them is read in pieces. */
const rows = (name: string): string[] =>
  Array.from({ length: 2_500 }, (_, i) => {
    const text = `The lamp ${name} ${i} burns. `.repeat(24);
    return `${JSON.stringify({ id: `${name}-${i}`, title: `Lamp ${i}`, text })}\n`;
  });

describe('the progress of files that are read', () => {
  it('counts the bytes of each as they are read, packed or not, and never falls', async () => {
    const files = [
      { path: 'a.jsonl', file: new Blob(rows('a')) },
      { path: 'b.jsonl.gz', file: new Blob([gzipSync(rows('b').join(''))]) },
    ];
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    const seen: Progress[] = [];
    await importPassages(files, slowSink(), { onProgress: (progress) => void seen.push(progress) });
    const done = seen.map((progress) => progress.done);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toEqual({ done: total, total, unit: 'bytes', local: true });
    expect(seen.every(({ unit, local }) => unit === 'bytes' && local === true)).toBe(true);
    expect(new Set(seen.map(({ label }) => label))).toEqual(new Set(['a.jsonl', 'b.jsonl.gz', undefined]));
    const first = files[0]?.file.size ?? 0;
    expect(done.some((bytes) => bytes > 0 && bytes < first)).toBe(true);
  });
});
