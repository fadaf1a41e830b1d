import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsed, runCli } from './testing/run-cli';

const passages = [
  { id: 'a', title: 'Heron', text: 'The grey heron stands in the shallow river and waits.' },
  { id: 'b', title: 'Otter', text: 'The otter swims in the river at night.' },
  { id: 'c', title: 'Bell', text: 'The bell of the tower rings at noon.' },
];
const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

let folder: string;
let corpus: string;
let index: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-cli-'));
  corpus = join(folder, 'corpus.jsonl');
  index = join(folder, 'index');
  await writeFile(corpus, jsonl(passages));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const build = () => runCli(['index', 'build', corpus, '--out', index]);

describe('an index that was built', () => {
  it('finds passages by their words', async () => {
    const built = await build();
    expect(built.code).toBe(0);
    expect(built.out[0]).toContain('3 passages, BM25');
    const found = await runCli(['index', 'search', index, 'which animal swims', '-k', '2', '--json']);
    expect(parsed(found)).toMatchObject({ mode: 'bm25', hits: [{ rank: 1, passage: { id: 'b' } }] });
    const shown = await runCli(['index', 'search', index, 'bell tower']);
    expect(shown.out[0]).toMatch(/^ +1 +\d+\.\d{3} {2}c {2}Bell/);
  });

  it('tells how often all gold passages are found, per source and over all', async () => {
    await build();
    const questions = join(folder, 'questions.jsonl');
    await writeFile(
      questions,
      jsonl([
        { id: 1, question: 'heron river', gold: ['a'], dataset: 'birds' },
        { id: 2, question: 'bell', gold: ['c', 'a'], dataset: 'towns', hops: [1, 2] },
        { id: 3, question: 'no gold is known', dataset: 'towns' },
      ]),
    );
    const result = await runCli(['index', 'search', index, '--questions', questions, '-k', '1', '--json']);
    expect(parsed(result)).toMatchObject({
      k: 1,
      sources: [
        { dataset: 'birds', questions: 1, allGold: 1, recall: 1 },
        { dataset: 'towns', questions: 1, allGold: 0, recall: 0.5 },
        { dataset: 'all', questions: 2, allGold: 0.5, recall: 0.75 },
      ],
    });
  });

  it('refuses dense search where it has no vectors, and says how to get them', async () => {
    await build();
    const { code, notes } = await runCli(['index', 'search', index, 'bell', '--mode', 'dense']);
    expect(code).toBe(1);
    expect(notes).toMatch(/no vectors[\s\S]*--encoder/);
  });

  it('searches by meaning with the encoder that it was built with', async () => {
    const built = await runCli(['index', 'build', corpus, '--out', index, '--encoder', 'demo']);
    expect(built.notes).toContain('Encoder demo-encoder on wasm');
    const found = await runCli(['index', 'search', index, 'Otter', '--json']);
    expect(parsed(found)).toMatchObject({ mode: 'dense', hits: [{ passage: { id: 'b' } }, {}, {}] });
  }, 60_000);
});

describe('an index of another kind than the exact one', () => {
  it.each([
    ['compact', 'compact on WASM, int8'],
    ['hnsw', 'hnsw on native code, f16, ef 256'],
  ])(
    'is built and searched as %s; in pieces too',
    async (kind, how) => {
      // So many that files lie in pieces of one MiB.
      const rows = Array.from({ length: 40 }, (_, i) => ({
        ...{ id: `f${i}`, title: `Fish ${i}` },
        text: `The fish number ${i} lives in pond ${i % 7}.${' Blub.'.repeat(8000)}`,
      }));
      await writeFile(corpus, jsonl([...passages, ...rows]));
      const options = ['--encoder', 'demo', '--index', kind, '--chunk', '1', '--json'];
      const built = await runCli(['index', 'build', corpus, '--out', index, ...options]);
      expect(parsed(built)).toMatchObject({ index: kind, passages: 43 });
      const found = await runCli(['index', 'search', index, 'Otter', '-k', '3', '--json']);
      expect(parsed(found)).toMatchObject({ mode: 'dense', how, hits: [{ passage: { id: 'b' } }, {}, {}] });
      if (kind !== 'hnsw') return;
      const wide = await runCli(['index', 'search', index, 'Otter', '--ef', '300', '--json']);
      expect(parsed(wide)).toMatchObject({ how: 'hnsw on native code, f16, ef 300' });
    },
    120_000,
  );

  it('cannot be had without vectors', async () => {
    const { code, notes } = await runCli(['index', 'build', corpus, '--out', index, '--index', 'hnsw']);
    expect(code).toBe(2);
    expect(notes).toContain('--encoder');
  });
});

describe('hybrid search', () => {
  it('weighs its two rankings as it is told, and refuses weights where there are not two', async () => {
    await runCli(['index', 'build', corpus, '--out', index, '--encoder', 'demo']);
    const search = (...more: string[]) => runCli(['index', 'search', index, 'bell', '--json', ...more]);
    const words = await search('--mode', 'hybrid', '--dense-weight', '0', '--rrf-k', '9');
    // Of the words alone: one of them has the word, 1 / (9 + 1).
    expect(parsed(words)).toMatchObject({ hits: [{ score: 0.1, passage: { id: 'c' } }] });
    const refused = await search('--mode', 'bm25', '--rrf-k', '9');
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.notes).toContain('--mode hybrid');
  }, 60_000);
});

describe('an index that is not whole', () => {
  it('is refused when a file was changed', async () => {
    await build();
    await appendFile(join(index, 'passages.jsonl'), '{"id":"d","title":"x","text":"forged"}\n');
    const { code, notes } = await runCli(['index', 'search', index, 'bell']);
    expect(code).toBe(1);
    expect(notes).toContain('INTEGRITY');
  });

  it('is none after a build that was stopped, even over an older one', async () => {
    await build();
    await writeFile(join(index, 'corpus.json'), '{}');
    expect((await runCli(['index', 'search', index, 'bell'])).notes).toContain('INTEGRITY');
    const stopped = await runCli(['index', 'build', corpus, '--out', index], AbortSignal.abort());
    expect(stopped).toMatchObject({ code: 1, notes: 'Stopped.' });
  });

  it('leaves nothing that could be taken for one when the corpus is broken', async () => {
    await writeFile(corpus, `${jsonl(passages)}{"id": broken\n`);
    const { code, notes } = await build();
    expect(code).toBe(1);
    expect(notes).toContain('Line 4 of corpus.jsonl is not JSON');
    expect(await readdir(folder)).toEqual(['corpus.jsonl']);
  });
});

describe('a folder of documents', () => {
  it('is cut into passages, and files of other kinds are named', async () => {
    const notes = join(folder, 'notes');
    await rm(corpus);
    await writeFile(`${notes}.md`, '# Rivers\n\nThe Arlor is slow.\n');
    await writeFile(join(folder, 'photo.xyz'), 'x');
    await writeFile(join(folder, 'more.txt'), 'The Tove is fast.');
    const built = await runCli(['index', 'build', folder, '--out', index]);
    expect(built).toMatchObject({ code: 0 });
    expect(built.notes).toContain('1 file holds no passages and is left out: photo.xyz');
    const found = await runCli(['index', 'search', index, 'Arlor', '--json']);
    expect(parsed(found)).toMatchObject({
      hits: [{ passage: { title: 'Rivers', text: 'The Arlor is slow.' } }],
    });
  });
});
