/** Words of the Corpora page for packs, servers, the search of a corpus and the options of an import. */
import type { Chunking } from '../../protocol/corpus';

const among = (short: string, rank: number | null, own: number): string => {
  if (rank === null) return `not in ${short}`;
  if (rank === own) return `same in ${short}`;
  return `${rank < own ? '↑' : '↓'} ${rank} in ${short}`;
};

const ANALYZERS: Partial<Record<string, string>> = {
  english: 'English, as Lucene',
  simple: 'any: words as they stand',
  cjk: 'Chinese, Japanese, Korean',
};
const language = (name: string): string => ANALYZERS[name] ?? name.charAt(0).toUpperCase() + name.slice(1);

/** Of an id such as `snowball-german/1`. */
const analysis = (id: string): string =>
  id === '' ? 'an older analysis' : language(id.replace(/^(lucene|snowball)-|\/\d+$/g, ''));

/** How texts are cut: `near 100 words, at sentence ends`. */
const cut = (chunking: Chunking): string => {
  switch (chunking.by) {
    case 'passage':
      return `near ${chunking.words} words, at sentence ends`;
    case 'words':
      return `at exactly ${chunking.words} words`;
    case 'heading':
      return `one for each heading, of at most about ${chunking.words} words`;
    case 'sentences':
      return `windows of ${chunking.sentences} sentences, ${chunking.overlap} of them repeated`;
  }
};

export const links = {
  cut,
  packHeading: 'Open an index by its address',
  packAddress: 'Address of the index',
  packHint: 'https://example.org/indexes/wiki/',
  packNote:
    'A folder that s3 index build made, on any static host. It is looked at first; nothing is fetched yet.',
  offered: 'Indexes offered here',
  look: 'Look at it',
  looking: 'Reading its manifest …',
  found: (passages: string, encoder: string | null, analyzer: string) =>
    `${passages} passages, ${encoder === null ? 'searchable by words' : `embedded by ${encoder}`}; language of the words: ${analysis(analyzer)}.`,
  fetch: (bytes: string) => `Fetch ${bytes}`,
  link: (bytes: string) => `Leave it there, ${bytes} at first use`,
  linkNote: {
    exact:
      'Fetched, it works without a connection. Left there, passages are read from its host when they are found.',
    compact:
      'Its index is compact. Fetched, it works without a connection. Left there, passages, and the vectors that a search looks at, are read from its host.',
    hnsw: 'Its index is a graph. Fetched, it works without a connection. Left there, passages are read from its host when they are found.',
  },
  amount: (done: string, total: string) => `${done} of ${total}`,
  paused: (amount: string) => `paused at ${amount}; what came is kept`,
  /** How far it had come is absent where nothing of it was done. */
  unfinished: (what: 'import' | 'update' | 'index', howFar?: string) =>
    `${{ import: 'stopped', update: 'update stopped', index: 'new index stopped' }[what]}${howFar === undefined ? '' : `: ${howFar}; what was done is kept`}`,
  inGraph: (done: string, total: string) => `${done} of ${total} vectors in the graph`,
  passagesRead: (count: string) => `${count} passages read`,
  begins: {
    import: 'reading',
    resume: 'going on where it was stopped',
    update: 'looking at what has changed',
    index: 'reading the vectors',
    export: 'packing',
  },
  step: (label: string, done: string, total: string) => `${label}: ${done} of ${total}`,
  pausing: 'pausing',
  pausingFiles: 'pausing, as soon as the files are read to their end',
  isPaused: (name: string) => `“${name}” is paused.`,
  cancelled: {
    import: 'Cancelled. Nothing was stored.',
    update: 'Cancelled. The corpus is as it was.',
    index: 'Cancelled. The corpus is as it was.',
    export: 'Cancelled. Nothing was saved.',
  },
  changes: {
    added: (count: string) => `${count} added`,
    changed: (count: string) => `${count} changed`,
    removed: (count: string) => `${count} removed`,
    kept: (count: string) => `${count} kept`,
  },
  repeats: (numbered: string, dropped: string) =>
    `Ids that came again: ${numbered} numbered, ${dropped} the same word for word and counted once.`,
  details: (name: string) => `Details of ${name}`,
  detailsTitle: 'Details: index, update',
  facts: {
    made: 'Made',
    cut: 'Cut',
    sources: 'Of',
    source: (name: string, passages: string) => `${name} (${passages})`,
    moreSources: (count: string) => `and ${count} more files`,
    memory: 'In memory',
    notOpen: 'nothing yet: it is opened by its first search',
    address: 'Address',
  },
  map: {
    heading: 'Map of its passages',
    drawing: 'Reading the vectors …',
    title: (name: string) => `Map of “${name}”`,
    summary: (shown: string, all: string, share: number) =>
      `${shown === all ? `${all} passages` : `${shown} of ${all} passages`} in the two directions in which their vectors differ most, which tell ${Math.round(100 * share)} % of the difference. What lies near is often near in meaning.`,
    hint: 'Point at a passage to see its title.',
    end: { left: 'left edge', right: 'right edge', top: 'top edge', bottom: 'bottom edge' },
    legend: 'Colours: files',
  },
  update: {
    heading: 'Bring it up to date',
    note: 'Passages are told apart by their ids. What has not changed is not embedded again, and until all is done the corpus stays as it was.',
    rest: 'What becomes of the others',
    replace: 'Replace all: what is not in the files goes',
    add: 'Add and change: what is not in the files stays',
    drop: 'Drop the files here',
    dropNow: 'Let go to bring it up to date',
  },
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
  searchedIn: 'Searched in',
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
  indexed: (name: string, kind: 'exact' | 'compact' | 'hnsw') =>
    `“${name}” has its new index: ${{ exact: 'every vector', compact: 'one bit in memory', hnsw: 'a graph' }[kind]}.`,
  export: 'Export as a pack',
  packing: (done: string, total: string) => `packing, ${done} of ${total}`,
  exported: (name: string) =>
    `“${name}” is packed: unpack the archive on a static host, and open its address.`,
  columns: { kinds: 'Searched by', used: 'Last used' },
  byMeaning: 'meaning, words',
  byWords: 'words',
  never: 'never',
  inMemory: 'in memory',
  index: {
    label: 'Search of the vectors',
    change: 'Change index',
    same: 'This is what it has.',
    server: 'It lies elsewhere, and is searched as its server does.',
    none: 'It has no vectors: words alone can be searched.',
    names: {
      exact: 'exact: every vector',
      compact: 'compact: one bit in memory',
      hnsw: 'graph: HNSW by usearch',
    },
    short: { exact: 'exact', compact: 'compact', hnsw: 'graph' },
    help: {
      exact:
        'Every vector is looked at, so nothing is missed. All of them lie in memory, a byte for each component, and a search takes longer as the corpus grows.',
      compact:
        'One bit of each component lies in memory and finds candidates; their vectors are read from the disk. An eighth of the memory; a few in a hundred hits are missed, and every search reads the disk.',
      hnsw: 'A graph leads to a small part of the vectors: the quickest way through a large corpus. It has to be built once, takes more memory than exact, and a few in a hundred hits are missed.',
    },
  },
  options: {
    heading: 'How texts are cut and words are taken; repeated ids',
    headingUpdate: 'How texts are cut; repeated ids',
    numberRepeats: 'Number repeated ids',
    numberRepeatsNote:
      'A row whose id has been there is kept as id~2, id~3 and so on; one that is the same word for word is counted once. Otherwise a file that repeats an id is refused.',
    noteUpdate:
      'Cut as the corpus was, or what has not changed seems changed. Words are taken as they were before.',
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
    language,
    k1: 'BM25 k1',
    b: 'BM25 b',
    note: 'Rows of tables and JSONL are passages already; only very long ones are cut. k1 0.9 and b 0.4 are those of s3.',
  },
} as const;
