import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cdp } from 'vitest/browser';
import { connect } from '../../src/platform/rpc/connection';
import { OpfsFileStore } from '../../src/platform/storage/opfs-file-store';
import type { CorpusStore } from '../../src/protocol/corpus';

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
    // Less than the file itself, since how much is in use depends on what other tests have kept and deleted.
    await cdp().send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 20_000_000 });

    await expect(store.create(corpus, [small, big])).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(await store.list()).toEqual([]);
    expect(await files.list('corpora')).not.toContain('full-1');

    await cdp().send('Storage.overrideQuotaForOrigin', { origin });
    const record = await store.create(corpus, [small, big]);
    expect(await store.list()).toHaveLength(1);
    await store.remove(record.id);
    expect(await files.list('corpora')).not.toContain(record.id);
  });
});
