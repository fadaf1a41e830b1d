import 'fake-indexeddb/auto';
import { afterEach, describe, expect, it } from 'vitest';
import { DIMENSIONS, startMadeService } from '../../tests/retrieval/made-service';
import { MemoryDevice } from '../../tests/retrieval/memory-device';
import {
  bucketEncoderOf,
  madePassages,
  startPackServer,
  type PackServer,
} from '../../tests/servers/pack-server';
import { nodeUsearchModule } from '../platform/node/usearch';
import { VECTOR_INDEXES, type VectorIndexKind } from '../protocol/corpus';
import type { LinkedCorpusService } from './linked-service';

const passages = madePassages(200);
const encoder = bucketEncoderOf(DIMENSIONS);

let servers: PackServer[] = [];
afterEach(async () => {
  for (const server of servers) await server.close();
  servers = [];
});

const serve = async (index: VectorIndexKind): Promise<PackServer> => {
  const server = await startPackServer({ passages, encoder, index, chunkBytes: 10_000 });
  servers.push(server);
  return server;
};

function start(): LinkedCorpusService {
  const device = new MemoryDevice();
  return startMadeService({ store: () => device.reopen(), dense: { openUsearch: nodeUsearchModule } });
}

describe.each(VECTOR_INDEXES)('a pack of the kind %s', (index) => {
  it('is searched where it lies, fetched whole, and made into a pack again, as what it is', async () => {
    const server = await serve(index);
    const service = start();
    const summary = await service.lookAtPack(server.url);
    expect(summary.index).toBe(index);
    expect(summary.residentBytes).toBeLessThan(summary.bytes);
    const linked = await service.linkPack(server.url);
    const fetched = await service.fetchPack(server.url);
    const results = [];
    for (const { id, index: kind } of [linked, fetched]) {
      expect(kind ?? 'exact').toBe(index);
      const info = await service.openCorpus(id, 'dense');
      expect(info.vectors?.kind ?? 'exact').toBe(index);
      expect(info.memoryBytes).toBeGreaterThan(10_000);
      results.push(
        await service.search(id, 'hybrid', ['heron lamp 142', 'otter'], 5, undefined, { bm25: 2 }),
      );
    }
    // By the same roads, with the same settings, to the same places.
    expect(results[0]).toEqual(results[1]);
    const archive = await (await service.exportPack(fetched.id)).text();
    expect(archive).toContain(index === 'exact' ? '"model": "made/buckets"' : `"index": "${index}"`);
    expect(archive.includes('signs.bin')).toBe(index === 'compact');
    expect(archive.includes('graph.usearch')).toBe(index === 'hnsw');
  });
});

describe('a linked pack', () => {
  it('takes the settings of a search', async () => {
    const service = start();
    const { id } = await service.linkPack((await serve('hnsw')).url);
    const [found] = await service.search(id, 'dense', ['heron lamp 142'], 5, undefined, {}, { ef: 300 });
    expect(found).toHaveLength(5);
    await expect(service.search(id, 'dense', ['heron'], 5, undefined, {}, { ef: 0 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    const alone = (weight: number) =>
      service.search(id, 'hybrid', ['lamp 142'], 3, undefined, { bm25: weight, dense: 1 - weight });
    expect((await alone(1))[0]?.[0]?.passage.id).toBe('p142');
    await service.closeCorpus(id);
    // Opened anew.
    expect(await service.search(id, 'bm25', ['lamp 142'], 1)).toHaveLength(1);
  });
});
