import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer, type EngineServer } from '../../tests/servers/engine-server';
import { madePassages, startPackServer, type PackServer } from '../../tests/servers/pack-server';
import { chooseRetriever } from '../corpus-retriever';
import { parsed, runCli } from '../testing/run-cli';

let folder: string;
let index: string;
let engine: EngineServer;
let pack: PackServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-push-'));
  index = join(folder, 'index');
  const corpus = join(folder, 'lamps.jsonl');
  const rows = madePassages(40).map((row) => `${JSON.stringify(row)}\n`);
  await writeFile(corpus, rows.join(''));
  await runCli(['index', 'build', corpus, '--out', index]);
  engine = await startEngineServer({ kind: 'qdrant' });
  pack = await startPackServer({ encoder: null });
});
afterAll(async () => {
  await engine.close();
  await pack.close();
  await rm(folder, { recursive: true, force: true });
});

const console_ = {
  out: () => undefined,
  note: () => undefined,
  json: false,
  signal: new AbortController().signal,
};
const found = (result: Awaited<ReturnType<typeof runCli>>): string[] =>
  (parsed(result) as { hits: { passage: { id: string } }[] }).hits.map(({ passage }) => passage.id);

describe('s3 index push', () => {
  it('fills a collection that is then searched by its address, with the ranking of the index', async () => {
    const reference = engine.url.replace('http://', 'qdrant://') + '/lamps';
    const pushed = await runCli(['index', 'push', index, '--to', reference, '--batch', '16', '--json']);
    expect(parsed(pushed)).toMatchObject({ passages: 40, resumed: 0 });
    const again = await runCli(['index', 'push', index, '--to', reference]);
    expect(again.out[0]).toContain('40 of them by an earlier push');
    const there = await runCli(['index', 'search', reference, 'heron tower', '--json']);
    const here = await runCli(['index', 'search', index, 'heron tower', '--json']);
    expect(found(there)).toEqual(found(here));
    const chosen = await chooseRetriever(reference, 'auto', console_);
    expect(chosen).toMatchObject({ mode: 'bm25', name: 'lamps.jsonl' });
  });

  it('says what is wrong with a reference, and what to do about a mode that is not there', async () => {
    expect(await runCli(['index', 'push', index])).toMatchObject({ code: 2 });
    const bad = await runCli(['index', 'push', index, '--to', 'qdrant://127.0.0.1:1']);
    expect(bad.notes).toMatch(/names no retrieval server[\s\S]*qdrant:\/\/host:6333\/collection/);
    const dense = await runCli(['index', 'search', pack.url, 'heron', '--mode', 'dense']);
    expect(dense.notes).toContain('--mode bm25');
  });
});

describe('the address of a pack', () => {
  it('stands for a corpus', async () => {
    const hits = await runCli([
      'index',
      'search',
      `${pack.url}corpus.json`,
      'heron tower',
      '-k',
      '3',
      '--json',
    ]);
    expect(parsed(hits)).toMatchObject({ mode: 'bm25', hits: [{ rank: 1 }, {}, {}] });
  });
});
