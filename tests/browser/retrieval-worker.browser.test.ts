import { afterEach, describe, expect, it } from 'vitest';
import { connect, proxy, type RpcConnection } from '../../src/platform/rpc/connection';
import { startRetrievalWorker } from '../../src/platform/browser/start-worker';
import type { CorpusServiceApi } from '../../src/protocol/corpus';
import type { Progress } from '../../src/protocol/retrieval';

let connection: RpcConnection<CorpusServiceApi> | undefined;

/** As after a reload: new workers, nothing in memory. */
function start(): RpcConnection<CorpusServiceApi>['remote'] {
  connection?.close();
  connection = connect<CorpusServiceApi>(startRetrievalWorker());
  return connection.remote;
}
afterEach(() => connection?.close());

describe('the retrieval worker', () => {
  it('searches the demo corpus by words and by vectors', async () => {
    const remote = start();
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
    const files = Array.from({ length: 200 }, (_, i) => ({
      path: `notes/${i}.md`,
      file: new Blob([`# Note ${i}\n\nThe keeper of lighthouse number ${i} wrote about the sea.`]),
    }));
    const seen: Progress[] = [];
    const started = performance.now();
    const { record, refusals } = await start().importFiles(
      { name: 'Notes', files, encoder: 'demo' },
      proxy((progress: Progress) => void seen.push(progress)),
    );
    console.info('import ms', Math.round(performance.now() - started));
    expect(refusals).toEqual([]);
    expect(record.passages).toBe(200);
    expect(seen.at(-1)).toMatchObject({ done: 200, total: 200, unit: 'passages' });

    const again = start();
    expect((await again.listCorpora()).map(({ id }) => id)).toContain(record.id);
    const [words] = await again.search(record.id, 'bm25', ['lighthouse 117'], 3);
    expect(words?.[0]?.passage.id).toBe('notes/117.md#1');
    expect((await again.search(record.id, 'dense', ['lighthouse'], 7))[0]).toHaveLength(7);
    await again.deleteCorpus(record.id);
    expect((await start().listCorpora()).map(({ id }) => id)).not.toContain(record.id);
  });

  it('stops an import at once and leaves nothing', async () => {
    const remote = start();
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
    const root = await navigator.storage.getDirectory();
    const corpora = await root.getDirectoryHandle('corpora', { create: true });
    const names: string[] = [];
    for await (const name of corpora.keys()) names.push(name);
    expect(names).toHaveLength(before);
  });
});
