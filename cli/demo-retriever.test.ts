import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chooseRetriever } from './corpus-retriever';

let folder: string;
const before = process.env['S3_CACHE'];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-demo-'));
  process.env['S3_CACHE'] = folder;
});
afterEach(async () => {
  if (before === undefined) delete process.env['S3_CACHE'];
  else process.env['S3_CACHE'] = before;
  await rm(folder, { recursive: true, force: true });
});

const quiet = () => {
  const notes: string[] = [];
  return {
    notes,
    note: (line: string) => void notes.push(line),
    out: () => undefined,
    signal: new AbortController().signal,
    json: false,
  };
};

it('takes the vectors that come with the demo, so that a first question need not wait', async () => {
  const console = quiet();
  const { retriever, mode, name } = await chooseRetriever('demo', 'auto', console);
  expect({ mode, name }).toEqual({ mode: 'dense', name: 'demo' });
  const [hits] = await retriever.search(['an organist of restless temper'], 3);
  expect(hits).toHaveLength(3);
  expect(console.notes.join('\n')).not.toContain('Embedding');
  expect(await readdir(folder)).not.toContain('vectors');
});

it('searches the demo by words', async () => {
  const { retriever } = await chooseRetriever('demo', 'bm25', quiet());
  const [hits] = await retriever.search(['organist jackdaws council'], 3);
  expect(hits?.[0]?.passage.text).toContain('jackdaws');
});
