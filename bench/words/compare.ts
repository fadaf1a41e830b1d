/**
 * Search by words against other libraries: building and asking on 87 k passages, and how good the ranking is on SciFact. Time is that of
 * the processor, all threads together, which other work on the machine disturbs less than the clock. Building has a limit; questions are
 * asked of all libraries in turns.
 */
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { digits, summarise, table } from '../statistics';
import { multihopQuestions } from './corpora';
import type { Done, Order } from './engine-thread';
import { wordEngines } from './peers';

interface Options {
  /** Folder with `corpora/` and `qa/`. */
  data: string;
  questions: number;
  /** Seconds of the processor that building 87 k passages may take, and the memory that it may fill. */
  limitSeconds: number;
  limitMB: number;
  print: (line: string) => void;
}

interface Run {
  name: string;
  worker: Worker;
  ndcg: number;
  buildMs: number;
  queryMs: number[];
  failure?: string;
}

const spentMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** tsx reads TypeScript in the main thread only, unless it is asked to. */
const THREAD = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL('./engine-thread.ts', import.meta.url).href)});
});`;

/** Rejects when the thread fails, or when it takes longer than `limitMs` of the processor. */
function ask(worker: Worker, order: Order, limitMs: number): Promise<Done> {
  return new Promise((resolve, reject) => {
    const started = spentMs();
    const timer = setInterval(() => {
      if (spentMs() - started > limitMs)
        settle(() => reject(new Error(`not done after ${limitMs / 1000} s`)));
    }, 500);
    const onMessage = (done: Done): void => settle(() => resolve(done));
    const onError = (error: Error & { code?: string }): void =>
      settle(() => reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new Error('out of memory') : error));
    const settle = (how: () => void): void => {
      clearInterval(timer);
      worker.off('message', onMessage).off('error', onError);
      how();
    };
    worker.on('message', onMessage).on('error', onError);
    worker.postMessage(order);
  });
}

export async function compareWords(options: Options): Promise<void> {
  const { data, questions: count, limitSeconds, limitMB, print } = options;
  const runs: Run[] = [];
  let passages = 0;
  for (const { name } of wordEngines) {
    const worker = new Worker(THREAD, {
      eval: true,
      workerData: { engine: name, data },
      resourceLimits: { maxOldGenerationSizeMb: limitMB },
    });
    const run: Run = { name, worker, ndcg: NaN, buildMs: NaN, queryMs: [] };
    runs.push(run);
    try {
      const small = await ask(worker, { kind: 'rank' }, 1000 * limitSeconds);
      run.ndcg = small.ndcg ?? NaN;
      print(`${name}: SciFact built in ${digits(small.spentMs / 1000)} s, nDCG@10 ${run.ndcg.toFixed(4)}`);
      const large = await ask(worker, { kind: 'build' }, 1000 * limitSeconds);
      run.buildMs = large.spentMs;
      passages = large.passages ?? passages;
      print(`${name}: built in ${digits(run.buildMs / 1000)} s`);
    } catch (error) {
      run.failure = error instanceof Error ? error.message : String(error);
      print(`${name}: ${run.failure}`);
      // A thread may have ended by itself.
      worker.on('error', () => undefined);
      await worker.terminate();
    }
  }
  for (const query of multihopQuestions(data, count)) {
    for (const { worker, queryMs, failure } of runs) {
      if (failure === undefined) queryMs.push((await ask(worker, { kind: 'ask', query }, Infinity)).spentMs);
    }
  }
  await Promise.all(runs.map(({ worker }) => worker.terminate()));

  const [own] = runs;
  const factor = (theirs: number, mine: number): string => `${digits(theirs / mine)}×`;
  const rows = runs.map(({ name, ndcg, buildMs, queryMs, failure }) => {
    const begin = [name, Number.isNaN(ndcg) ? '' : ndcg.toFixed(4)];
    if (failure !== undefined) return [...begin, failure, '', '', ''];
    const numbers = [digits(buildMs / 1000), digits(summarise(queryMs).median)];
    if (!own || name === own.name) return [...begin, numbers[0] ?? '', '', numbers[1] ?? '', ''];
    const slower = summarise(queryMs.map((ms, i) => ms / (own.queryMs[i] ?? NaN))).median;
    return [...begin, numbers[0] ?? '', factor(buildMs, own.buildMs), numbers[1] ?? '', factor(slower, 1)];
  });
  print(
    `\n${passages} passages, ${count} questions; nDCG on SciFact. At most ${limitSeconds} s and ${limitMB} MB each.\n`,
  );
  print(table(['library', 'nDCG@10', 'build s', 'of ours', 'query ms', 'of ours'], rows));
}
