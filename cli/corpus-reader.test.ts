import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCorpus, type CorpusReading } from './corpus-reader';
import { chooseRetriever } from './corpus-retriever';
import { parsed, runCli } from './testing/run-cli';

const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const heron = { id: 'a', title: 'Heron', text: 'The heron waits.' };
const otter = { id: 'a', title: 'Otter', text: 'The otter swims.' };

let folder: string;
let notes: string[];
const before = process.env['S3_CACHE'];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-read-'));
  process.env['S3_CACHE'] = join(folder, '.cache');
  notes = [];
});
afterEach(async () => {
  if (before === undefined) delete process.env['S3_CACHE'];
  else process.env['S3_CACHE'] = before;
  await rm(folder, { recursive: true, force: true });
});

const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
};
const quiet = () => ({
  note: (line: string) => void notes.push(line),
  signal: new AbortController().signal,
});
const idsOf = async (path: string, reading?: CorpusReading): Promise<string[]> =>
  (await readCorpus(join(folder, path), quiet(), reading)).map(({ id }) => id);

describe('ids that come again', () => {
  it('are refused in a file with both lines, in two files with both names', async () => {
    await put({ 'one.jsonl': jsonl([heron, otter]) });
    await expect(idsOf('one.jsonl')).rejects.toMatchObject({
      message: 'Line 2 of one.jsonl repeats the id "a" of line 1.',
    });
    await put({ 'one.jsonl': jsonl([heron]), 'two.jsonl': jsonl([otter]) });
    await expect(idsOf('.')).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'two.jsonl has the id "a", which one.jsonl has as well.',
      fix: expect.stringContaining('--number-repeats') as unknown,
    });
  });

  it('are numbered over all files where that is wished, and counted', async () => {
    await put({ 'one.jsonl': jsonl([heron, otter, heron]), 'two.jsonl': jsonl([{ ...heron, text: 'B' }]) });
    expect(await idsOf('.', { numberRepeats: true })).toEqual(['a', 'a~2', 'a~3']);
    expect(notes.at(-1)).toBe('Ids that came again: 2 numbered, 1 the same word for word and counted once.');
  });
});

it('leaves out what is no corpus: other kinds of files, and the questions of a BEIR set', async () => {
  await put({
    'corpus.jsonl': jsonl([{ _id: '1', title: 'Aar', text: 'A river.' }]),
    'queries.jsonl': jsonl([{ _id: 'q', text: 'which?' }]),
    'qrels/test.tsv': 'query-id\tcorpus-id\tscore\nq\t1\t1\n',
    'picture.png': 'no text',
  });
  expect(await idsOf('.')).toEqual(['1']);
  expect(notes).toEqual([
    '3 files hold no passages and are left out: picture.png, qrels/test.tsv, queries.jsonl',
  ]);
});

describe('a corpus of files with repeated ids, as commands open it', () => {
  beforeEach(() => put({ 'corpus.jsonl': jsonl([heron, otter]) }));
  const open = (corpus: string, reading?: CorpusReading) =>
    chooseRetriever(corpus, 'auto', { ...quiet(), out: () => undefined, json: false }, reading);

  it('is searched with its ids numbered, and refused without', async () => {
    const path = join(folder, 'corpus.jsonl');
    await expect(open(path)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const { retriever } = await open(path, { numberRepeats: true });
    const [hits = []] = await retriever.search(['otter'], 1);
    expect(hits.map(({ passage }) => passage.id)).toEqual(['a~2']);
  });

  it('is not one that was built, where the option has nothing to say', async () => {
    const index = join(folder, 'index');
    const built = await runCli([
      ...['index', 'build', join(folder, 'corpus.jsonl'), '--out', index],
      ...['--number-repeats', '--json'],
    ]);
    expect(parsed(built)).toMatchObject({ passages: 2, chunking: { by: 'passage', words: 100 } });
    expect((await open(index)).name).toBe('corpus.jsonl');
    for (const corpus of [index, 'demo', 'qdrant://127.0.0.1:1/lamps', 'http://127.0.0.1:1/pack/']) {
      await expect(open(corpus, { numberRepeats: true })).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: expect.stringContaining('--number-repeats is of files') as unknown,
      });
    }
    expect((await runCli(['serve', '--corpus', 'none', '--number-repeats'])).code).toBe(2);
  });

  it.each(['ask', 'serve', 'evaluate', 'index build'])('is spoken of by `%s --help`', async (command) => {
    const { out } = await runCli([...command.split(' '), '--help']);
    expect(out.join('\n')).toMatch(/--number-repeats +of files: an id that comes again becomes id~2/);
  });
});
