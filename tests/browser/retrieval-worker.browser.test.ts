import { afterEach, describe, expect, it } from 'vitest';
import { proxy } from '../../src/platform/rpc/connection';
import type { Progress } from '../../src/protocol/retrieval';
import { notes, RetrievalTab, storedFolders } from './retrieval-tab';

const tab = new RetrievalTab();
afterEach(() => tab.close());

describe('the retrieval worker', () => {
  it('searches the demo corpus by words and by vectors', async () => {
    const remote = tab.start();
    const info = await remote.openCorpus(
      'demo',
      'dense',
      proxy(() => undefined),
    );
    expect(info.passages).toBeGreaterThan(1000);
    expect(info.encoder).toMatchObject({ model: 'demo-encoder' });
    console.info('encoder', JSON.stringify(info.encoder));
    const [hits] = await remote.search('demo', 'dense', ['an organist of restless temper'], 5);
    expect(hits).toHaveLength(5);
    const [words] = await remote.search('demo', 'bm25', ['organist jackdaws council'], 5);
    expect(words?.[0]?.passage.text).toContain('jackdaws');
  });

  it('keeps imported documents over a reload and forgets them when told', async () => {
    const seen: Progress[] = [];
    const started = performance.now();
    const { record, refusals } = await tab.start().importFiles(
      { name: 'Notes', files: notes(200), encoder: 'demo' },
      proxy((progress: Progress) => void seen.push(progress)),
    );
    console.info('import ms', Math.round(performance.now() - started));
    expect(refusals).toEqual([]);
    expect(record.passages).toBe(200);
    expect(seen.at(-1)).toMatchObject({ done: 200, total: 200, unit: 'passages' });

    const again = tab.start();
    expect((await again.listCorpora()).map(({ id }) => id)).toContain(record.id);
    const [words] = await again.search(record.id, 'bm25', ['lighthouse 117'], 3);
    expect(words?.[0]?.passage.id).toBe('notes/117.md#1');
    expect((await again.search(record.id, 'dense', ['lighthouse'], 7))[0]).toHaveLength(7);
    await again.deleteCorpus(record.id);
    expect((await tab.start().listCorpora()).map(({ id }) => id)).not.toContain(record.id);
  });

  it('stops an import at once and leaves nothing', async () => {
    const remote = tab.start();
    const before = (await remote.listCorpora()).length;
    const controller = new AbortController();
    const file = new Blob(['The river flows by the old town and the bridge. '.repeat(20_000)]);
    const importing = remote.importFiles(
      { name: 'x', files: [{ path: 'x.txt', file }], encoder: 'demo' },
      proxy((progress: Progress) => {
        if (progress.label === 'Embedding') controller.abort();
      }),
      controller.signal,
    );
    await expect(importing).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await remote.listCorpora()).toHaveLength(before);
    expect(await storedFolders()).toHaveLength(before);
  });
});
