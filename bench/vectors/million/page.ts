/** What a tab does with a million passages; each function is called by the program that measures it. */
import { connect } from '../../../src/platform/rpc/connection';
import type { CorpusServiceApi } from '../../../src/protocol/corpus';
import type { LinkServiceApi } from '../../../src/protocol/linked-corpora';
import type { RetrievalMode } from '../../../src/protocol/retrieval';

const worker = new Worker(new URL('./retrieval.worker.ts', import.meta.url), { type: 'module' });
const { remote } = connect<CorpusServiceApi & LinkServiceApi>(worker);

export interface Searched {
  /** With opening. */
  firstMs: number;
  /** Of each further one. */
  ms: number[];
  /** As the Corpora page says it. */
  memoryBytes: number;
  how: string;
  found: number;
}

export const tab = {
  link: async (url: string): Promise<string> => (await remote.linkPack(url)).id,
  fetch: async (url: string): Promise<string> => (await remote.fetchPack(url)).id,
  import: async (url: string): Promise<string> => {
    const file = await (await fetch(url)).blob();
    const request = { name: 'Made', encoder: null, files: [{ path: 'passages.jsonl.gz', file }] };
    return (await remote.importFiles(request)).record.id;
  },
  corpora: async (): Promise<string[]> => (await remote.listCorpora()).map(({ id }) => id),
  remove: (id: string): Promise<void> => remote.deleteCorpus(id),
  search: async (id: string, mode: RetrievalMode, queries: readonly string[]): Promise<Searched> => {
    const started = performance.now();
    const [first = '', ...rest] = queries;
    const [hits = []] = await remote.search(id, mode, [first], 10);
    const firstMs = performance.now() - started;
    const ms: number[] = [];
    let found = hits.filter(({ passage }) => passage.text.length > 0).length;
    for (const query of rest) {
      const before = performance.now();
      found += (await remote.search(id, mode, [query], 10))[0]?.length ?? 0;
      ms.push(performance.now() - before);
    }
    const { memoryBytes = 0, vectors } = await remote.openCorpus(id, mode);
    const how = vectors ? `${vectors.backend}, ${vectors.threads} threads` : '';
    return { firstMs, ms, memoryBytes, how, found };
  },
  /** Of the page and its workers, garbage collected before. */
  memory: async (): Promise<number> => {
    const { measureUserAgentSpecificMemory: measure } = performance as {
      measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>;
    };
    return measure ? (await measure.call(performance)).bytes : 0;
  },
};

Reflect.set(window, 'tab', tab);
