import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Asking } from '../../../tests/servers/asking';
import {
  bucketEncoderOf,
  madePassages,
  startPackServer,
  type PackServer,
} from '../../../tests/servers/pack-server';
import { nodeUsearchModule } from '../../platform/node/usearch';
import { denseRows, PlainIndex } from '../dense';
import { openHttpPack } from './http-pack';
import { packFile } from './pack-manifest';
import { openRangedPack, residentBytes } from './ranged-pack';

const passages = madePassages(300);
const encoder = bucketEncoderOf(64);
const load = () => Promise.resolve(encoder);
const platform = { openUsearch: nodeUsearchModule };

const asking = new Asking();
const { tools } = asking;

let served: PackServer;
beforeAll(async () => {
  served = await startPackServer({ passages, encoder, index: 'hnsw', chunkBytes: 20_000 });
});
afterAll(() => served.close());
beforeEach(() => asking.forget());

describe('a pack with a graph, left where it is', () => {
  it('brings the graph and no vectors, and says how it is searched', async () => {
    const http = await openHttpPack(served.url, tools);
    const bytesOf = (name: string): number => packFile(http.manifest, name)?.bytes ?? NaN;
    expect(http.manifest.index).toBe('hnsw');
    const tables = bytesOf('passages.idx') + bytesOf('passages.hashes');
    expect(residentBytes(http, 'dense')).toBe(bytesOf('graph.usearch') + tables);
    const pack = await openRangedPack(http, { platform });
    const progress: number[] = [];
    const retriever = await pack.open('dense', load, ({ done, total, label }) => {
      if (label === 'graph.usearch') progress.push(done / total);
    });
    expect(progress.length).toBeGreaterThan(2);
    expect(progress.at(-1)).toBe(1);
    expect(retriever.vectors).toMatchObject({ kind: 'hnsw', backend: 'wasm', ef: 256 });
    expect(retriever.how).toContain('hnsw');
    expect(retriever.tuned({}, { ef: 200 }).how).toContain('ef 200');
    const query = 'heron lamp 242';
    const [hits = []] = await retriever.search([query], 5);
    const vectors = await encoder.embedPassages(passages);
    const [best] = await new PlainIndex(denseRows(vectors, 64)).search(
      await encoder.embedQueries([query]),
      5,
    );
    expect(hits[0]?.passage.id).toBe(`p${best?.rows[0] ?? ''}`);
    expect(asking.about('vectors.bin')).toEqual([]);
    expect(pack.memoryBytes).toBeGreaterThan(bytesOf('graph.usearch'));
    pack.dispose();
    expect(pack.memoryBytes).toBeLessThan(10_000);
  });

  it('cannot be searched by vectors where there is nothing that runs graphs, and by words all the same', async () => {
    const pack = await openRangedPack(await openHttpPack(served.url, tools));
    await expect(pack.open('dense', load)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(await (await pack.open('bm25', load)).search(['lamp 42'], 2)).toHaveLength(1);
  });

  it('is refused when the encoder at hand makes other vectors', async () => {
    const pack = await openRangedPack(await openHttpPack(served.url, tools), { platform });
    const other = { ...encoder, embedPassages: () => Promise.resolve([new Float32Array(64).fill(0.125)]) };
    await expect(pack.open('dense', () => Promise.resolve(other))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: /encoder has changed/,
    });
  });

  it('is not opened with a graph that was altered on the way', async () => {
    const pack = await openRangedPack(
      await openHttpPack(served.url, {
        ...tools,
        fetch: async (url, init) => {
          const response = await fetch(url, init);
          if (!url.includes('graph.usearch.00002')) return response;
          const bytes = new Uint8Array(await response.arrayBuffer());
          bytes[100] = (bytes[100] ?? 0) ^ 1;
          return new Response(bytes, { status: response.status, headers: response.headers });
        },
      }),
      { platform },
    );
    await expect(pack.open('dense', load)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });
});
