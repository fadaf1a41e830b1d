/** Words of the Corpora page for packs, servers, the search of a corpus and the options of an import. */
const among = (short: string, rank: number | null, own: number): string => {
  if (rank === null) return `not in ${short}`;
  if (rank === own) return `same in ${short}`;
  return `${rank < own ? '↑' : '↓'} ${rank} in ${short}`;
};

export const links = {
  packHeading: 'Open an index by its address',
  packAddress: 'Address of the index',
  packHint: 'https://example.org/indexes/wiki/',
  packNote:
    'A folder that s3 index build made, on any static host. It is looked at first; nothing is fetched yet.',
  offered: 'Indexes offered here',
  look: 'Look at it',
  looking: 'Reading its manifest …',
  found: (passages: string, encoder: string | null, analyzer: string) =>
    `${passages} passages, ${encoder === null ? 'searchable by words' : `embedded by ${encoder}`}; words by ${analyzer || 'an older analysis'}.`,
  fetch: (bytes: string) => `Fetch ${bytes}`,
  link: (bytes: string) => `Leave it there, ${bytes} at first use`,
  linkNote:
    'Fetched, it works without a connection. Left there, passages are read from its host when they are found.',
  amount: (done: string, total: string) => `${done} of ${total}`,
  paused: (amount: string) => `paused at ${amount}; what came is kept`,
  unfinished: (passages: string, embedded: string, encoder: boolean) =>
    encoder
      ? `cut short: ${embedded} of ${passages} passages embedded`
      : `cut short: ${passages} passages were read`,
  goingOn: 'going on where it was cut short',
  discard: 'Discard',
  pause: 'Pause',
  resume: 'Go on',
  serverHeading: 'Connect a retrieval server',
  server: 'Retrieval server',
  kind: 'Kind',
  kinds: {
    retrieve: '/retrieve (s3, Search-R1, s3 serve)',
    qdrant: 'Qdrant',
    opensearch: 'OpenSearch',
    elasticsearch: 'Elasticsearch',
  },
  address: 'Address',
  addressHints: {
    retrieve: 'http://127.0.0.1:8787',
    qdrant: 'http://127.0.0.1:6333',
    opensearch: 'http://127.0.0.1:9200',
    elasticsearch: 'http://127.0.0.1:9200',
  },
  collections: { qdrant: 'Collection', opensearch: 'Index', elasticsearch: 'Index' },
  key: 'Key',
  keyHint: 'none',
  keyNote: 'A key stays in the memory of this tab. After a reload it has to be given again.',
  leaves: (host: string) => `Questions and queries go to ${host}, and passages come from there.`,
  connect: 'Connect',
  test: 'Test connection',
  testing: 'Asking the server …',
  connected: (name: string) => `“${name}” is in the list below.`,
  lies: {
    pack: 'at its address',
    retrieve: '/retrieve',
    qdrant: 'Qdrant',
    opensearch: 'OpenSearch',
    elasticsearch: 'Elasticsearch',
  },
  search: 'Search',
  searchIn: (name: string) => `Search in ${name}`,
  searchHeading: (name: string) => `Search in “${name}”`,
  closeSearch: 'Close the search',
  query: 'Query',
  queryHint: 'What to look for',
  searching: 'searching …',
  searched: (count: number) => (count === 1 ? 'One list is there.' : `${count} lists are there.`),
  nothing: 'Nothing was found.',
  compareNote: (shown: number) =>
    `The first ${shown} of each way. Below each passage stands its place in the other lists; a bar marks those that no other list shows.`,
  modes: { dense: 'Dense: by meaning', bm25: 'BM25: by words', hybrid: 'Hybrid: both ranks fused' },
  short: { dense: 'dense', bm25: 'BM25', hybrid: 'hybrid' },
  elsewhere: among,
  passage: 'Passage',
  copy: 'Copy',
  copied: 'Copied',
  id: 'id',
  serverKey: (url: string) => `Key for ${url}`,
  giveKey: 'Use this key',
  keyGiven: 'The key is used from now on.',
  export: 'Export as a pack',
  exporting: (name: string) => `Packing “${name}” …`,
  exported: (name: string) =>
    `“${name}” is packed: unpack the archive on a static host, and open its address.`,
  columns: { kinds: 'Searched by', used: 'Last used' },
  byMeaning: 'meaning, words',
  byWords: 'words',
  never: 'never',
  inMemory: 'in memory',
  options: {
    heading: 'How texts are cut and words are taken',
    chunking: 'Cut into passages',
    ways: {
      passage: 'near a number of words, at sentence ends',
      words: 'at exactly so many words, as wiki-18',
      heading: 'one for each heading',
      sentences: 'windows of sentences',
    },
    words: 'Words of a passage, about',
    sentences: 'Sentences of a window',
    overlap: 'Of them, repeated from the one before',
    analyzer: 'Language of the words',
    analyzers: {
      english: 'English, as Lucene',
      simple: 'any: words as they stand',
      cjk: 'Chinese, Japanese, Korean',
    } as Partial<Record<string, string>>,
    language: (name: string) => name.charAt(0).toUpperCase() + name.slice(1),
    k1: 'BM25 k1',
    b: 'BM25 b',
    note: 'Rows of tables and JSONL are passages already; only very long ones are cut. k1 0.9 and b 0.4 are those of s3.',
  },
} as const;
