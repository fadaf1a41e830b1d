import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cdp } from 'vitest/browser';
import { connect } from '../../src/platform/rpc/connection';
import { OpfsFileStore } from '../../src/platform/storage/opfs-file-store';
import type { CorpusRecord, CorpusStore } from '../../src/protocol/corpus';

const { origin } = location;
const worker = new Worker(new URL('./corpus-store.worker.ts', import.meta.url), { type: 'module' });
const { remote: store, close } = connect<CorpusStore>(worker);
const files = new OpfsFileStore();

/** Less than the files themselves, since how much is in use depends on what other tests have kept and deleted. */
const QUOTA = 20_000_000;
const BIG = 30_000_000;

/** Whether the browser refuses to write so much. `estimate()` does not tell: it names the same allowance whatever the quota is. */
async function refuses(bytes: number): Promise<boolean> {
  const root = await navigator.storage.getDirectory();
  const file = await root.getFileHandle('quota-probe', { create: true });
  const writable = await file.createWritable();
  try {
    await writable.write(new Uint8Array(bytes));
    await writable.close();
    return false;
  } catch {
    await writable.abort().catch(() => undefined);
    return true;
  } finally {
    await root.removeEntry('quota-probe');
  }
}

/** An override is answered before every part of the browser goes by it: said until it holds. */
async function setQuota(quotaSize: number | undefined): Promise<void> {
  const quota = { origin, ...(quotaSize !== undefined && { quotaSize }) };
  await expect
    .poll(
      async () => {
        await cdp().send('Storage.overrideQuotaForOrigin', quota);
        return refuses(BIG);
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe(quotaSize !== undefined);
}

/**
 * What becomes of `create` under the quota. The browser now and then drops an override while other tests set up their pages: what was
 * written without it proves nothing, and is written again.
 */
async function whileFull(create: () => Promise<CorpusRecord>): Promise<CorpusRecord> {
  for (let attempt = 1; ; attempt += 1) {
    await setQuota(QUOTA);
    const record = await create();
    const held = await refuses(BIG);
    if (held || attempt === 5) return record;
    await store.remove(record.id);
  }
}

afterEach(() => cdp().send('Storage.overrideQuotaForOrigin', { origin }));
afterAll(close);

describe('a browser without room', () => {
  it('refuses the bytes themselves when its estimate was wrong, and what fitted is removed again', async () => {
    const corpus = { name: 'Big', passages: 1, encoder: null, sources: [] };
    const small = { name: 'passages.jsonl', bytes: new Uint8Array(1000) };
    const big = { name: 'bm25.bin', bytes: new Uint8Array(BIG).fill(7) };
    await expect(whileFull(() => store.create(corpus, [small, big]))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
    });
    expect(await store.list()).toEqual([]);
    expect((await files.list('corpora')).filter((id) => id.startsWith('full-'))).toEqual([]);

    await setQuota(undefined);
    const record = await store.create(corpus, [small, big]);
    expect(await store.list()).toHaveLength(1);
    await store.remove(record.id);
    expect(await files.list('corpora')).not.toContain(record.id);
  });
});
