import type { SystemId } from '../../protocol/trace';
import type { Misfit } from '../../state/system-fit';

const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

/** Words about systems: choosing them, what each needs, what two of them read differently. */
export const systems = {
  open: 'Systems',
  legend: (number: number) => `System ${number}`,
  asInSettings: (name: string) => `as set: ${name}`,
  add: 'Add a system',
  remove: (name: string) => `Remove ${name}`,
  usual: 's3 beside plain RAG',
  note: 'The same question, to one system or to two or three side by side. They run one after the other.',
  groups: { s3: 's3', none: 'Without search', once: 'One search', turns: 'Search in turns' },
  of: {
    s3: ['s3', 's3-no-selection', 's3-no-initial', 's3-neither'],
    none: ['direct', 'cot'],
    once: ['naive-rag', 'naive-rag-bm25', 'deepretrieval'],
    turns: ['search-r1', 'search-r1-ret', 'ircot', 'ircot-s3', 'search-o1', 'search-o1-s3'],
  } satisfies Record<string, SystemId[]>,
  about: {
    s3: 'The searcher looks, keeps a few documents, stops; the generator answers from what was kept.',
    's3-no-selection': 's3’s search; the generator reads every document that was shown, kept or not.',
    's3-no-initial': 's3’s search; the generator reads only what the searcher’s own queries brought.',
    's3-neither': 's3’s search; the generator reads all that the searcher’s own queries brought.',
    direct: 'The generator answers by heart.',
    cot: 'The generator thinks step by step, then answers, by heart.',
    'naive-rag': 'One search with the question itself; the generator reads all that was found.',
    'naive-rag-bm25': 'One search by words with the question itself; the generator reads all that was found.',
    deepretrieval:
      'A trained rewriter makes one Boolean query of the question, searched by words; the generator reads what was found.',
    'search-r1': 'A trained model thinks, searches and answers by itself.',
    'search-r1-ret': 'Search-R1 searches; the generator answers from all that it was shown.',
    ircot: 'Each sentence of a chain of thought is the next query; few-shot examples show how.',
    'ircot-s3': 'IRCoT as s3’s authors ran it: the thought is the query, and a tag says when it is enough.',
    'search-o1':
      'A reasoning model searches while it thinks, reads notes that are condensed from what was found, and answers by itself.',
    'search-o1-s3': 'Search-o1 as s3’s authors ran it: queries and notes, then the generator answers.',
  } satisfies Record<SystemId, string>,
  misfits: {
    'other-protocol': (system: string, model: string) =>
      `“${model}” was trained for another protocol: expect ${system} to fail with it.`,
    untrained: (system: string, model: string) =>
      `${system} is a trained searcher; “${model}” only follows its instructions.`,
    'by-heart': (_system: string, model: string) =>
      `“${model}” answers from passages and knows nothing by heart: expect a guess.`,
  } satisfies Record<Misfit, (system: string, model: string) => string>,
  usesBm25: 'Searches by words (BM25), whatever the settings say.',
  answersItself: 'The searcher answers; there is no generator.',
  compare: {
    label: 'Side by side',
    failed: 'Failed on this question:',
    waiting: 'its turn comes',
    noSearch: 'no search',
    searches: (count: number) => many(count, 'search', 'searches'),
    turns: (count: number) => many(count, 'turn', 'turns'),
    read: (tokens: string) => `${tokens} tokens read`,
    wrote: (tokens: string) => `${tokens} written`,
    only: 'only here',
    onlyHint: 'No other system of these read it',
  },
  difference: {
    open: 'Explain the difference',
    close: 'Close the explanation',
    title: 'What differs',
    pair: (a: string, b: string) => `${a} and ${b}`,
    only: (name: string, count: number) => `Only ${name} read (${count})`,
    both: (count: number) => `Both read (${count})`,
    nothing: 'nothing of its own',
    same: 'They read the same documents; what differs is what the model made of them.',
    counts: (a: string, countA: number, b: string, countB: number, both: number) =>
      `${a} read ${many(countA, 'document', 'documents')}, ${b} ${countB}; ${both} ${both === 1 ? 'is' : 'are'} the same.`,
    carrier: (name: string, title: string) => `Only ${name} read “${title}”, which says an expected answer.`,
    gold: (name: string, title: string) => `Only ${name} read “${title}”, a passage that the question needs.`,
    carries: 'says the answer',
    needed: 'needed',
    begin: 'found with the question',
    query: (query: string) => `found with “${query}”`,
    open2: (title: string) => `Show “${title}” in the thread`,
  },
} as const;
