import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import type { Hit, Progress } from '../protocol/retrieval';
import { CorpusSearch, ranksElsewhere } from './corpus-search.svelte';
import type { CorpusEntry, CorpusLinks } from './laboratory';
import { LastUse } from './last-use';
import { fetchOfferedPacks } from './offered-packs';
import { PackTransfers } from './pack-transfers.svelte';
import { scriptedLinks } from './scripted-links';

const entry: CorpusEntry = {
  ...{ id: 'a', name: 'A', passages: 9, bytes: 100, encoder: 'demo', createdAt: '', builtIn: false },
};
const pack = { hash: 'h', url: 'http://h/', name: 'Lamps', bytes: 100 };

describe('a pack on its way', () => {
  const transfers = (fetch: CorpusLinks['fetch'], rest: Partial<CorpusLinks> = {}) =>
    new PackTransfers({ ...scriptedLinks(entry).links, fetch, ...rest }, () => Promise.resolve());

  it('can be paused with what came, gone on with, and is then in the list', async () => {
    let from = 0;
    const step = async (
      _: string,
      onProgress: (p: Progress) => void,
      signal: AbortSignal,
    ): Promise<CorpusEntry> => {
      onProgress({ done: from + 40, total: 100, unit: 'bytes' });
      from += 40;
      if (from >= 80) return entry;
      await new Promise((_done, reject) => {
        signal.addEventListener('abort', () => reject(new AppError('ABORTED', 'Stopped.')));
      });
      return entry;
    };
    const packs = transfers(step);
    const first = packs.start(pack);
    expect(packs.list).toMatchObject([{ status: 'running', doneBytes: 40, name: 'Lamps' }]);
    packs.pause('h');
    await first;
    expect(packs.list).toMatchObject([{ status: 'paused', doneBytes: 40 }]);
    await packs.start(pack);
    expect(packs.list).toMatchObject([{ status: 'done', entry: { id: 'a' } }]);
    packs.dismiss('h');
    expect(packs.list).toEqual([]);
  });

  it('that failed says why; one that an earlier visit left stands paused; discarding removes it', async () => {
    const discarded: string[] = [];
    const packs = transfers(() => Promise.reject(new AppError('NETWORK', 'Cut.', { fix: 'Again.' })), {
      staged: () => Promise.resolve([{ ...pack, doneBytes: 30 }]),
      discard: (hash) => Promise.resolve(void discarded.push(hash)),
    });
    await packs.refresh();
    await packs.refresh();
    expect(packs.list).toMatchObject([{ status: 'paused', doneBytes: 30 }]);
    await packs.start(pack);
    expect(packs.list).toMatchObject([{ status: 'failed', error: { code: 'NETWORK', fix: 'Again.' } }]);
    await packs.discard('h');
    expect(packs.list).toEqual([]);
    expect(discarded).toEqual(['h']);
  });
});

const hits = (...ids: string[]): Hit[] =>
  ids.map((id, i) => ({ passage: { id, title: id, text: id }, score: 1, rank: i + 1 }));

describe('a query put to a corpus in every way', () => {
  it('shows where each passage stands in the other lists', async () => {
    const lists = { dense: hits('x', 'y'), bm25: hits('y', 'z'), hybrid: hits('y', 'x', 'z') };
    const search = new CorpusSearch({
      ...({} as ConstructorParameters<typeof CorpusSearch>[0]),
      search: (_id, mode) =>
        mode === 'hybrid' ? Promise.reject(new AppError('BUSY', 'Later.')) : Promise.resolve(lists[mode]),
    });
    search.choose('a');
    await search.run([entry], 'lamp');
    expect(search.results.map(({ mode, status }) => [mode, status])).toEqual([
      ['dense', 'done'],
      ['bm25', 'done'],
      ['hybrid', 'failed'],
    ]);
    expect(ranksElsewhere(search.results, 'dense', 'y')).toEqual([{ mode: 'bm25', rank: 1 }]);
    expect(ranksElsewhere(search.results, 'dense', 'x')).toEqual([{ mode: 'bm25', rank: null }]);
    search.choose(null);
    expect(search.results).toEqual([]);
  });

  it('asks several as one, in those ways alone that all of them have', async () => {
    const asked: string[] = [];
    const search = new CorpusSearch({
      ...({} as ConstructorParameters<typeof CorpusSearch>[0]),
      search: (id, mode) => Promise.resolve(asked.push(`${id} ${mode}`)).then(() => []),
    });
    await search.run([entry, { ...entry, id: 'b', encoder: null }], 'lamp');
    expect(asked).toEqual(['a+b bm25']);
  });
});

describe('when a corpus was last used', () => {
  it('is remembered on the device, and what is damaged is begun anew', () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    new LastUse(storage, () => '2026-11-21').note('a');
    const next = new LastUse(storage, () => '2026-11-22');
    expect(next.of('a')).toBe('2026-11-21');
    next.forget('a');
    expect(new LastUse(storage, () => '').of('a')).toBeUndefined();
    kept.set([...kept.keys()][0] ?? '', '{');
    expect(new LastUse(storage, () => '').of('a')).toBeUndefined();
  });
});

describe('the list of packs beside the page', () => {
  it('may be missing or damaged; its addresses may be relative', async () => {
    let body = JSON.stringify({
      packs: [
        { name: 'Demo', note: '', url: 'packs/demo/' },
        { name: 'Bad', note: '', url: 'http://' },
      ],
    });
    const server = createServer((_request, response) => response.end(body));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const list = `http://127.0.0.1:${(server.address() as AddressInfo).port}/packs.json`;
    try {
      const [only, ...rest] = await fetchOfferedPacks(fetch, list);
      expect(only?.url).toBe(new URL('packs/demo/', list).href);
      expect(rest).toEqual([]);
      body = '{"packs": 3}';
      expect(await fetchOfferedPacks(fetch, list)).toEqual([]);
    } finally {
      server.close();
    }
    expect(await fetchOfferedPacks(fetch, list)).toEqual([]);
  });
});
