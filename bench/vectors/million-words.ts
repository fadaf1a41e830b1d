/** What building and asking an index by words takes at a million made passages, in this process alone. `tsx million-words.ts [passages]` */
import process from 'node:process';
import { Bm25Builder } from '../../src/retrieval/bm25/bm25-builder';
import { encodeBm25, loadBm25 } from '../../src/retrieval/bm25/bm25-file';
import { fileInMemory } from '../../src/retrieval/section-reader';
import { toIndexedText } from '../../src/retrieval/passage-text';
import { madePassages, madeQueries } from './million-corpus';

const count = Number(process.argv[2] ?? 1_000_000);
/** Of the processor: others may be at work on it. */
const seconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
let base = 0;
let most = 0;
/** In the heap and beside it, less what was there before. */
const held = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const look = (): void => void (most = Math.max(most, held() - base));
const tell = (what: string, started: number): void => {
  look();
  globalThis.gc?.();
  const peak = process.resourceUsage().maxRSS * 1024;
  console.log(
    `${what}: ${(seconds() - started).toFixed(1)} s of the processor, at most ${megabytes(most)}, ${megabytes(held() - base)} afterwards; most resident of the process ${megabytes(peak)}`,
  );
  most = 0;
};

async function main(): Promise<void> {
  const source = madePassages(count);
  source.next();
  globalThis.gc?.();
  base = held();
  let started = seconds();
  let n = 1;
  const build = () => {
    const builder = new Bm25Builder();
    for (const passage of source) {
      builder.add(toIndexedText(passage));
      if (++n % 20_000 === 0) look();
    }
    tell(`${n} passages made and analysed`, started);
    started = seconds();
    const built = builder.build();
    look();
    return built;
  };
  const index = build();
  tell('built', started);
  started = seconds();
  const file = await encodeBm25(index);
  tell(`encoded, ${megabytes(file.length)}`, started);
  console.log(`said to hold ${megabytes(index.memoryBytes)}`);
  started = seconds();
  const opened = await loadBm25(fileInMemory(file));
  tell('opened, the file and the first beside it', started);
  const times: number[] = [];
  let sum = 0;
  for (const query of madeQueries(200)) {
    const before = seconds();
    sum += opened.search(query, 10).rows.length;
    times.push((seconds() - before) * 1000);
  }
  times.sort((a, b) => a - b);
  const [median = 0, most90 = 0] = [times[100], times[180]];
  console.log(
    `${times.length} questions: median ${median.toFixed(1)} ms, nine of ten within ${most90.toFixed(1)} ms (${sum} found)`,
  );
}

await main();
