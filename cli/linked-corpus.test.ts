import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer, type EngineServer } from '../tests/servers/engine-server';
import { startLyingServer, type LyingServer } from '../tests/servers/lying-server';
import { madePassages } from '../tests/servers/pack-server';
import { chooseRetriever } from './corpus-retriever';
import type { HttpServer } from './serve/http-server';
import { startServer } from './serve/server';
import { parsed, runCli } from './testing/run-cli';

const passages = madePassages(40);
const quiet = {
  ...{ out: () => undefined, note: () => undefined, json: false },
  signal: new AbortController().signal,
};

let folder: string;
let index: string;
let host: LyingServer;
let engines: EngineServer[];
/** By what stands before `://`. */
const references = new Map<string, string>();
let here: string[];

const idsOf = (result: Awaited<ReturnType<typeof runCli>>): string[] =>
  (parsed(result) as { hits: { passage: { id: string } }[] }).hits.map(({ passage }) => passage.id);
const search = async (corpus: string): Promise<string[]> =>
  idsOf(await runCli(['index', 'search', corpus, 'heron tower bell', '-k', '5', '--json']));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-linked-'));
  index = join(folder, 'index');
  const corpus = join(folder, 'lamps.jsonl');
  await writeFile(corpus, passages.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await runCli(['index', 'build', corpus, '--out', index]);
  host = await startLyingServer(index);
  references.set('http', host.url);
  const kinds = ['qdrant', 'opensearch', 'elasticsearch'] as const;
  engines = await Promise.all(kinds.map((kind) => startEngineServer({ kind })));
  for (const [i, kind] of kinds.entries()) {
    const reference = `${engines[i]?.url.replace('http', kind) ?? ''}/lamps`;
    await runCli(['index', 'push', index, '--to', reference]);
    references.set(kind, reference);
  }
  here = await search(index);
});
afterAll(async () => {
  await host.close();
  for (const engine of engines) await engine.close();
  await rm(folder, { recursive: true, force: true });
});

describe.each(['http', 'qdrant', 'opensearch', 'elasticsearch'])('a corpus at an address (%s)', (kind) => {
  it('is searched, served as /retrieve to whoever speaks as s3 and Search-R1, and searched there', async () => {
    const reference = references.get(kind) ?? '';
    expect(here).toHaveLength(5);
    expect(await search(reference)).toEqual(here);
    const corpus = await chooseRetriever(reference, 'auto', quiet);
    const server: HttpServer = await startServer({
      ...{ host: '127.0.0.1', port: 0, apiKey: undefined, origins: [], topK: 3, corpus },
      ...{ log: () => undefined, onError: () => undefined },
    });
    try {
      const post = (body: unknown) =>
        fetch(`${server.url}/retrieve`, { method: 'POST', body: JSON.stringify(body) }).then((r) => r.json());
      const query = { queries: ['heron tower bell', 'lamp 7'], topk: 5, return_scores: true };
      const { result } = (await post(query)) as {
        result: { document: { id: string; contents: string }; score: number }[][];
      };
      expect(result).toHaveLength(2);
      expect(result[0]?.map(({ document }) => document.id)).toEqual(here);
      const [best] = result[0] ?? [];
      const passage = passages.find(({ id }) => id === here[0]);
      expect(best?.document.contents).toBe(`"${passage?.title ?? ''}"\n${passage?.text ?? ''}`);
      expect(best?.score).toBeGreaterThan(0);
      // As Search-R1 asks that has no use for scores, and names no number.
      expect(await post({ queries: ['heron tower bell'] })).toMatchObject({
        result: [here.slice(0, 3).map((id) => ({ id }))],
      });
      expect(await search(`${server.url}/retrieve`)).toEqual(here);
      expect(await search(server.url.replace('http', 'retrieve'))).toEqual(here);
    } finally {
      await server.stop(0);
    }
  });
});

describe('how a search is made', () => {
  it('can be said of a pack, and not of a server', async () => {
    const weighed = await runCli(['index', 'search', host.url, 'heron', '--mode', 'bm25', '--ef', '9']);
    expect(weighed).toMatchObject({ code: 2 });
    const server = references.get('qdrant') ?? '';
    const there = await runCli(['index', 'search', server, 'heron', '--ef', '9']);
    expect(there).toMatchObject({ code: 2 });
  });
});

describe('an address that does not answer, or not as it should', () => {
  it('is told with what to do', async () => {
    const gone = await startLyingServer(index);
    await gone.close();
    const dead = await runCli(['ask', 'Who?', '--corpus', gone.url, '--device', 'cpu']);
    expect(dead.code).toBe(1);
    expect(dead.notes).toMatch(/NETWORK: [\s\S]*Check the connection/);
    host.lie('page');
    const page = await runCli(['serve', '--model', 'none', '--corpus', host.url]);
    expect(page.code).toBe(1);
    expect(page.notes).toMatch(/INTEGRITY: corpus\.json is not a sound manifest of an index: it is not JSON/);
    host.lie(null);
    const none = await runCli(['index', 'search', `${host.url}nothing/here/`, 'heron']);
    expect(none.notes).toMatch(/NOT_FOUND: [\s\S]*There is no index at this address/);
  });
});
