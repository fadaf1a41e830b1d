/** One library in a thread of its own, so that it can be stopped, and run out of memory, without taking the others along. */
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { largeCorpus, ndcgAt10, sciFact } from './corpora';
import { wordEngines } from './peers';

export type Order = { kind: 'rank' } | { kind: 'build' } | { kind: 'ask'; query: string };
/** Milliseconds of the processor; `rank` adds the nDCG@10. */
export interface Done {
  spentMs: number;
  ndcg?: number;
  passages?: number;
}

const { engine: name, data } = workerData as { engine: string; data: string };
const engine = wordEngines.find((one) => one.name === name);
if (!engine) throw new Error(`There is no ${name}.`);
let search: ((query: string, topK: number) => Promise<string[]>) | undefined;

/** Only one thread of the process works at a time, so its time is this one's. */
const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

parentPort?.on('message', (order: Order) => {
  void (async (): Promise<Done> => {
    if (order.kind === 'rank') {
      const { documents, judged } = sciFact(data);
      const started = spent();
      const small = await engine.build(documents);
      const spentMs = spent() - started;
      return { spentMs, ndcg: await ndcgAt10(small, judged) };
    }
    if (order.kind === 'build') {
      const documents = largeCorpus(data);
      const started = spent();
      search = await engine.build(documents);
      return { spentMs: spent() - started, passages: documents.length };
    }
    const started = spent();
    await search?.(order.query, 10);
    return { spentMs: spent() - started };
  })().then((done) => parentPort?.postMessage(done));
});
