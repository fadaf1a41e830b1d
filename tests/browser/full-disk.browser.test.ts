import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cdp } from 'vitest/browser';
import { connect } from '../../src/platform/rpc/connection';
import { OpfsFileStore } from '../../src/platform/storage/opfs-file-store';
import type { CorpusRecord, CorpusStore } from '../../src/protocol/corpus';

const { origin } = location;
const worker = new Worker(new URL('./corpus-store.worker.ts', import.meta.url), { type: 'module' });
const { remote: store, close } = connect<CorpusStore>(worker);
const files = new OpfsFileStore();

afterEach(() => cdp().send('Storage.overrideQuotaForOrigin', { origin }));
afterAll(close);

describe('a browser without room', () => {
  it('refuses the bytes themselves when its estimate was wrong, and what fitted is removed again', async () => {
    const corpus = { name: 'Big', passages: 1, encoder: null, sources: [] };
    const small = { name: 'passages.jsonl', bytes: new Uint8Array(1000) };
    const big = { name: 'bm25.bin', bytes: new Uint8Array(30_000_000).fill(7) };
    const createWithTooLittle = async (): Promise<CorpusRecord> => {
      const { usage = 0 } = await navigator.storage.estimate();
      await cdp().send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 10_000_000 });
      return store.create(corpus, [small, big]);
    };
    // The browser's estimate may still count what other tests have just deleted; then there was room, and it is tried again.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const record = await createWithTooLittle().catch(() => undefined);
      if (!record) break;
      await store.remove(record.id);
    }
    await expect(createWithTooLittle()).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(await store.list()).toEqual([]);
    expect(await files.list('corpora')).not.toContain('full-1');

    await cdp().send('Storage.overrideQuotaForOrigin', { origin });
    const record = await store.create(corpus, [small, big]);
    expect(await store.list()).toHaveLength(1);
    await store.remove(record.id);
    expect(await files.list('corpora')).not.toContain(record.id);
  });
});
