const many = (count: string, n: number, one: string, more: string): string =>
  `${count} ${n === 1 ? one : more}`;

/** Words of the Corpora page. */
export const corpora = {
  heading: 'Corpora',
  lede: 'Documents to search in. They are cut into passages of about 100 words, embedded in this tab, and stay on this device.',
  drop: 'Drop files or a folder here',
  dropNow: 'Let go to add them',
  pickFiles: 'Choose files',
  pickFolder: 'Choose a folder',
  accepts:
    'JSONL, tables (CSV, TSV), Parquet, Markdown, text, HTML and PDF; JSONL, tables and text also gzipped. One row is one document:',
  example: '{"id": "rivers-17", "title": "River Ansel", "text": "The Ansel rises in the Harrow hills…"}',
  exampleAlso: 'or contents instead of title and text, the title on its first line.',
  encoder: 'Encoder',
  encoderDownload: (bytes: string, host: string) =>
    `${bytes}, downloaded from ${host} when first used and kept by this browser. Your documents stay here.`,
  hub: 'Download from elsewhere',
  hubAddress: 'Address of the hub',
  hubNote: 'A mirror of the Hugging Face hub. Leave it empty for huggingface.co.',
  hubUse: 'Use it',
  hubUsed: (host: string) => `Models are downloaded from ${host}.`,
  hubBad: 'This is not an http or https address.',
  encoderNone: 'none: search by words only (BM25)',
  name: 'Name',
  nameDefault: 'My documents',
  table: 'Your corpora',
  columns: { name: 'Name', passages: 'Passages', bytes: 'Size', encoder: 'Encoder', use: 'Use' },
  builtIn: 'comes with the page',
  noEncoder: 'BM25 only',
  use: 'Ask over this',
  used: 'in use',
  rename: 'Rename',
  save: 'Save',
  cancel: 'Cancel',
  remove: 'Delete',
  confirm: (name: string, passages: string) =>
    `Delete “${name}” with its ${passages === '1' ? 'one passage' : `${passages} passages`}? This cannot be undone.`,
  confirmTitle: 'Delete corpus',
  keep: 'Keep',
  importing: (files: number) => `reading ${many(String(files), files, 'file', 'files')}`,
  files: (done: string, total: string) => `${done} of ${total} files`,
  download: (file: string, done: string, total: string) => `downloading ${file}, ${done} of ${total}`,
  reading: (file: string, done: string, total: string) =>
    `${file === '' ? 'read' : `reading ${file}`}, ${done} of ${total}`,
  passages: (done: string, total: string) => `${done} of ${total} passages embedded`,
  perSecond: (rate: string) => `${rate} per second`,
  left: (time: string) => `about ${time} left`,
  done: (name: string, passages: string) =>
    `“${name}” is ready: ${passages} ${passages === '1' ? 'passage' : 'passages'}.`,
  refused: (count: number) => (count === 1 ? '1 was not taken' : `${count} were not taken`),
  line: (line: number) => `line ${line}`,
  refusedMore: (count: number) => `and ${count} more`,
  storage: 'Storage',
  storageUsed: (used: string, quota: string) => `${used} of ${quota} used on this device`,
  storageCounted: {
    browser: (corpora: string) =>
      `by the browser’s count: ${corpora} for the corpora in this list, the rest for models, runs, and the page itself, which is kept for use without a network.`,
    page: (browser: string) =>
      `for the corpora in this list, by our own count. The browser counts ${browser}: it can lose count of files when it is started again.`,
  },
  storageUnknown: 'This browser does not say how much it stores.',
  persisted: 'Kept: the browser will not clear it by itself.',
  notPersisted: 'The browser may clear it when space is short.',
  persist: 'Keep it',
  persistRefused: 'The browser declined. It tends to agree once the page is bookmarked or installed.',
} as const;
