/** What the scripted page plays for packs, servers and searches of a corpus. */
import { AppError } from '../protocol/errors';
import type { Hit } from '../protocol/retrieval';
import type { CorpusEntry, CorpusLibrary } from './laboratory';

const hit = (rank: number, n: number): Hit => ({
  rank,
  score: 1 / rank,
  passage: { id: `p${n}`, title: `Passage ${n}`, text: `The lamp of the harbour, passage ${n}.` },
});

const ORDERS = { dense: [1, 2, 3, 4], bm25: [2, 5, 1, 6], hybrid: [2, 1, 5, 3] };

export function scriptedLinks(demo: CorpusEntry): Pick<CorpusLibrary, 'search' | 'offered' | 'links'> {
  const nothing = (): Promise<never> =>
    Promise.reject(
      new AppError('UNSUPPORTED', 'The scripted page reaches no other address.', {
        fix: 'Open the built page.',
      }),
    );
  return {
    search: (_id, mode) => Promise.resolve(ORDERS[mode].map((n, i) => hit(i + 1, n))),
    offered: () =>
      Promise.resolve([{ name: 'Demo encyclopaedia', note: 'as a pack', url: 'https://demo.example/' }]),
    links: {
      look: nothing,
      fetch: () => Promise.resolve(demo),
      link: nothing,
      staged: () => Promise.resolve([]),
      discard: () => Promise.resolve(),
      export: () => Promise.resolve(new Blob(['a pack'])),
      test: nothing,
      connect: nothing,
      giveKey: () => Promise.resolve(),
    },
  };
}
