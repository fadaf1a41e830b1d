import { afterEach, describe, expect, it } from 'vitest';
import { proxy } from '../../src/platform/rpc/connection';
import { denseRows, openDenseIndex, PlainIndex } from '../../src/retrieval/dense';
import { browserDensePlatform } from '../../workers/dense-platform';
import { randomNumbers } from '../retrieval/random-instances';
import { notes, RetrievalTab } from './retrieval-tab';

const tab = new RetrievalTab();
afterEach(() => tab.close());

describe('corpora of each kind, in the worker of the page', () => {
  it('are built, searched after a reload, and given another index', async () => {
    const began = performance.now();
    const note = (what: string): void => console.info(what, Math.round(performance.now() - began), 'ms');
    const request = { name: 'Kinds', files: notes(120), encoder: 'demo', index: 'hnsw' as const };
    const { record } = await tab.start().importFiles(request);
    note('imported');
    expect(Object.keys(record.files)).toContain('graph.usearch');
    const queries = ['lighthouse number 7', 'the sea', 'keeper 99'];
    const remote = tab.start();
    const idsOf = async (kind: string): Promise<string[][]> => {
      const { vectors, memoryBytes } = await remote.openCorpus(record.id, 'dense');
      expect(vectors).toMatchObject({ kind, backend: 'wasm' });
      expect(memoryBytes).toBeGreaterThan(1000);
      const found = await remote.search(record.id, 'dense', queries, 5);
      note(`searched ${kind}`);
      return found.map((hits) => hits.map(({ passage }) => passage.id));
    };
    const graph = await idsOf('hnsw');
    const seen: string[] = [];
    const onProgress = proxy(({ label }: { label?: string }) => void seen.push(label ?? ''));
    const compact = await remote.buildIndex(record.id, 'compact', onProgress);
    expect(Object.keys(compact.files)).toContain('signs.bin');
    expect(seen).toContain('Reducing vectors to one bit');
    expect(await idsOf('compact')).toEqual(graph);
    await remote.buildIndex(record.id, 'exact');
    expect(await idsOf('exact')).toEqual(graph);
    await remote.deleteCorpus(record.id);
  }, 150_000);
});

describe('threads that scan', () => {
  it('share memory with an isolated page, and find together what one finds', async () => {
    expect(crossOriginIsolated).toBe(true);
    const threads = browserDensePlatform.openThreads?.();
    expect(threads?.size).toBe(Math.min(3, navigator.hardwareConcurrency - 1));
    const random = randomNumbers(3);
    const vectors = Array.from({ length: 33_000 }, () =>
      Float32Array.from({ length: 12 }, () => random() - 0.5),
    );
    const rows = denseRows(vectors, 12, 'int8');
    const index = await openDenseIndex(rows, { openThreads: () => threads ?? null });
    expect(index.info).toMatchObject({ backend: 'wasm', threads: 1 + (threads?.size ?? 0) });
    const queries = vectors.slice(0, 5);
    const listsOf = (found: Awaited<ReturnType<typeof index.search>>) =>
      found.map(({ rows: list, scores }) => [[...list], [...scores]]);
    expect(listsOf(await index.search(queries, 20))).toEqual(
      listsOf(await new PlainIndex(rows).search(queries, 20)),
    );
    index.dispose();
  });
});
