/** Runs in the tab: builds every contender, then lets them take turns. */
import { e5Like, rowsOf } from '../data';
import { contenders, type Search } from './contenders';

export interface BrowserOptions {
  count: number;
  dimensions: number;
  queries: number;
  rounds: number;
  /** Of one contender's build. */
  limitMs: number;
}

export interface BrowserResult {
  name: string;
  buildMs: number;
  /** One for each round; none where the build was not waited for, or failed. */
  queryMs: number[];
  recall: number;
  failure?: string;
}

class TooLong extends Error {}

async function run({
  count,
  dimensions,
  queries: asked,
  rounds,
  limitMs,
}: BrowserOptions): Promise<BrowserResult[]> {
  const all = rowsOf(e5Like(count + asked, dimensions, 5), dimensions);
  const queries = all.splice(count);
  const runs: { result: BrowserResult; search: Search | undefined }[] = [];
  for (const contender of contenders) {
    const { name } = contender;
    const result: BrowserResult = { name, buildMs: 0, queryMs: [], recall: NaN };
    const started = performance.now();
    const tick = async (done: number): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve));
      if (performance.now() - started > limitMs)
        throw new TooLong(`${done} of ${count} rows after ${limitMs / 1000} s`);
    };
    try {
      runs.push({ result, search: await contender.build(all, tick) });
      result.buildMs = performance.now() - started;
    } catch (error) {
      result.failure = error instanceof Error ? error.message : String(error);
      runs.push({ result, search: undefined });
    }
    console.info(`bench: ${name}: ${result.failure ?? `built in ${(result.buildMs / 1000).toFixed(1)} s`}`);
  }
  // The second one is exact.
  const truth = await Promise.all(queries.map(async (query) => new Set(await runs[1]?.search?.(query))));
  for (const { result, search } of runs) {
    if (!search) continue;
    let hits = 0;
    for (const [q, query] of queries.entries()) {
      for (const row of await search(query)) if (truth[q]?.has(row)) hits += 1;
    }
    result.recall = hits / (10 * queries.length);
  }
  for (let round = 0; round < rounds; round += 1) {
    const query = queries[round % queries.length] ?? new Float32Array(dimensions);
    for (const { result, search } of runs) {
      if (!search) continue;
      const started = performance.now();
      await search(query);
      result.queryMs.push(performance.now() - started);
    }
  }
  return runs.map(({ result }) => result);
}

Reflect.set(window, 'measure', run);
