import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  startEngineServer,
  type EngineOptions,
  type EngineServer,
} from '../../../tests/servers/engine-server';
import { bucketEncoder, bucketIdentity, madePassages } from '../../../tests/servers/pack-server';
import { startServer } from '../../../cli/serve/server';
import type { RemoteLimits, RemoteLink } from '../../protocol/corpus';
import type { Hit, Passage, RetrievalMode } from '../../protocol/retrieval';
import { analyze, ANALYZER_ID } from '../bm25/analyzer';
import type { Bm25Index } from '../bm25/bm25-index';
import { Bm25Retriever, buildBm25 } from '../bm25/bm25-retriever';
import { DenseRetriever, denseRows, PlainIndex } from '../dense';
import { HybridRetriever } from '../hybrid/hybrid-retriever';
import { engineOf, openRemote, testRemote } from './open-remote';
import { pushCorpus, type PushSource } from './push';
import type { RemoteTools } from './remote-client';
import {
  formatRemoteReference,
  isRemoteReference,
  parseRemoteReference,
  remoteLink,
} from './remote-reference';
import { hashTerm, PassageWeights, queryVector, TermNumbers } from './sparse-terms';

const passages = madePassages(60);
let bm25: Bm25Index;
let vectors: Float32Array[];
let source: PushSource;
let server: EngineServer;
let running: EngineServer[] = [];
const tools: RemoteTools = {
  fetch,
  clock: { now: () => performance.now(), sleep: () => Promise.resolve() },
};
const encoder = () => Promise.resolve(bucketEncoder);

beforeAll(async () => {
  bm25 = await buildBm25(passages);
  vectors = await bucketEncoder.embedPassages(passages);
  source = {
    name: 'Lamps',
    pack: 'a'.repeat(64),
    encoder: bucketIdentity,
    analyzer: ANALYZER_ID,
    passages,
    bm25,
    vectorAt: (row) => vectors[row] ?? new Float32Array(),
  };
});
afterEach(async () => {
  for (const one of running) await one.close();
  running = [];
});

const start = async (options: EngineOptions): Promise<RemoteLink> => {
  server = await startEngineServer(options);
  running.push(server);
  return remoteLink(options.kind, server.url, 'lamps');
};

const local = (mode: RetrievalMode) => {
  const dense = new DenseRetriever(
    new PlainIndex(denseRows(vectors, bucketEncoder.dimensions)),
    bucketEncoder,
    passages,
  );
  const words = new Bm25Retriever(bm25, passages);
  return { dense, bm25: words, hybrid: new HybridRetriever(dense, words, passages) }[mode];
};
const ids = (lists: readonly Hit[][]): string[][] =>
  lists.map((hits) => hits.map(({ passage }) => passage.id));
const QUERIES = [
  'heron river',
  'the bell of the tower',
  'lamp 17 lamp 17 night',
  'keeper noon harbour island',
  'zebra',
];

describe.each(['qdrant', 'opensearch', 'elasticsearch'] as const)('%s, filled from a pack', (kind) => {
  it('finds in every mode what is found here, in the same order', async () => {
    const link = await start({ kind });
    expect(await pushCorpus(source, engineOf(link, tools), { batch: 25 })).toEqual({
      passages: 60,
      resumed: 0,
    });
    const remote = await openRemote(link, tools);
    expect(remote).toMatchObject({
      name: 'Lamps',
      encoder: bucketIdentity,
      modes: ['dense', 'bm25', 'hybrid'],
    });
    for (const mode of ['bm25', 'dense'] as const) {
      const there = await (await remote.open(mode, encoder)).search(QUERIES, 8);
      const here = await local(mode).search(QUERIES, 8);
      expect(ids(there)).toEqual(ids(here));
      there.forEach((hits, q) =>
        hits.forEach(({ score }, i) => expect(score).toBeCloseTo(here[q]?.[i]?.score ?? NaN, 4)),
      );
      expect(there[0]?.[0]?.passage).toEqual(passages.find(({ id }) => id === there[0]?.[0]?.passage.id));
    }
    const fused = await (await remote.open('hybrid', encoder)).search(QUERIES, 8);
    const here = await local('hybrid').search(QUERIES, 8);
    fused.forEach((hits, q) => {
      // Ranks within ties of one list are the engine's own, so a fused score may differ there; the best stand fast.
      expect(hits).toHaveLength(8);
      expect(hits[0]?.score).toBeCloseTo(here[q]?.[0]?.score ?? 0, 3);
    });
    expect(await testRemote(link, tools)).toMatchObject({ ok: true, passages: 60 });
  });

  it('goes on where a push was cut off, and is not searched before it is whole', async () => {
    const link = await start({ kind });
    const write = kind === 'qdrant' ? '/points' : '/_bulk';
    // Qdrant's first write there is the manifest.
    const stop = new AbortController();
    const cut = pushCorpus({ ...source }, engineOf(link, tools), {
      batch: 10,
      signal: stop.signal,
      onProgress: ({ done }) => done >= 30 && stop.abort(),
    });
    await expect(cut).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(openRemote(link, tools)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: /by half/ });
    await pushCorpus(source, engineOf(link, tools), { batch: 30 });
    const before = server.requests.filter(({ path }) => path.endsWith(write)).length;
    expect(await pushCorpus(source, engineOf(link, tools))).toMatchObject({ resumed: 60 });
    expect(server.requests.filter(({ path }) => path.endsWith(write)).length).toBe(before);
    expect((await openRemote(link, tools)).passages.length).toBe(60);
  });

  it('is not overwritten by another corpus, unless that is asked for', async () => {
    const link = await start({ kind });
    await pushCorpus(source, engineOf(link, tools));
    const other = { ...source, name: 'Other', pack: 'b'.repeat(64) };
    await expect(pushCorpus(other, engineOf(link, tools))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: /"Lamps"/,
    });
    await pushCorpus(other, engineOf(link, tools), { replace: true });
    expect((await openRemote(link, tools)).name).toBe('Other');
  });

  it('works with a key, and never tells it', async () => {
    const link = await start({ kind, key: 'secret-word' });
    const with_ = { ...tools, key: () => 'secret-word' };
    await pushCorpus(source, engineOf(link, with_));
    expect(await testRemote(link, with_)).toMatchObject({ ok: true });
    const refused = await testRemote(link, { ...tools, key: () => 'secret' });
    expect(refused).toMatchObject({ ok: false, message: /401/, fix: /key/ });
    expect(refused.message).not.toContain('secret-word'.slice(0, 7));
  });

  it('is asked again when it is busy, cut or silent, and given up with a reason', async () => {
    const link = await start({ kind });
    await pushCorpus(source, engineOf(link, tools));
    const path = kind === 'qdrant' ? '/points/query/batch' : '/_msearch';
    const limits = { retries: 2, requestsPerSecond: 1000 };
    const open = async (given: RemoteLimits) =>
      (await openRemote({ ...link, limits: given }, tools)).open('bm25', encoder);
    const retriever = await open(limits);
    // For silence alone: whatever else is asked may take its time on a busy machine.
    const hasty = await open({ ...limits, timeoutMs: 300 });
    server.fail(path, { status: 503 });
    server.fail(path, { cut: true });
    expect(await retriever.search(['heron'], 3)).toHaveLength(1);
    server.fail(path, { stall: true }, 3);
    await expect(hasty.search(['heron'], 3)).rejects.toMatchObject({ code: 'TIMEOUT' });
    server.fail(path, { status: 429, headers: { 'retry-after': '1' } }, 3);
    await expect(retriever.search(['heron'], 3)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    server.fail(path, { status: 200, body: '{"result": 5, "responses": 5}' });
    await expect(retriever.search(['heron'], 3)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    server.fail(path, { status: 200, body: 'not json' });
    await expect(retriever.search(['heron'], 3)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    await expect(retriever.search(['heron'], 3, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('without such a collection, or with one that somebody else made, says so', async () => {
    const link = await start({ kind });
    expect(await testRemote(link, tools)).toMatchObject({ ok: false, message: /404/, fix: /s3 index push/ });
    const path = kind === 'qdrant' ? '/points/0' : '/_mapping';
    const body = kind === 'qdrant' ? '{"result":{"id":0,"payload":{"a":1}}}' : '{"lamps":{"mappings":{}}}';
    server.fail(path, { status: 200, body });
    expect(await testRemote(link, tools)).toMatchObject({
      ok: false,
      message: /was not filled by this program/,
    });
  });
});

describe('Qdrant before it could fuse with a k', () => {
  it('is asked for both lists in one request, which are fused here', async () => {
    const link = await start({ kind: 'qdrant', version: '1.12.4' });
    await pushCorpus(source, engineOf(link, tools));
    const retriever = await (await openRemote(link, tools)).open('hybrid', encoder);
    server.requests.length = 0;
    expect(ids(await retriever.search(QUERIES, 8))).toEqual(ids(await local('hybrid').search(QUERIES, 8)));
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /',
      'POST /collections/lamps/points/query/batch',
    ]);
  });
});

describe('OpenSearch', () => {
  it('sends rows again that it was too busy for, and none of the others', async () => {
    const link = await start({ kind: 'opensearch' });
    const busy = Array.from({ length: 60 }, (_, i) => ({ index: { status: i % 2 ? 429 : 201 } }));
    server.fail('/_bulk', { status: 200, body: JSON.stringify({ errors: true, items: busy }) });
    await pushCorpus(source, engineOf(link, tools));
    const sent = server.requests
      .filter(({ path }) => path === '/_bulk')
      .map(({ body }) => String(body).split('\n').length);
    expect(sent).toEqual([121, 61]);
  });

  it('refuses a pack whose analysis it does not have', async () => {
    const link = await start({ kind: 'opensearch' });
    const german = { ...source, analyzer: 'snowball-german/1' };
    await expect(pushCorpus(german, engineOf(link, tools))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      fix: /Qdrant/,
    });
  });
});

describe('BM25 as sparse vectors', () => {
  it('multiplies to the very scores of the index, for any texts and queries', async () => {
    const word = fc.constantFrom('river', 'rivers', 'heron', 'the', 'bell', 'lamp', 'tower', 'x1');
    const text = fc.array(word, { minLength: 0, maxLength: 30 }).map((words) => words.join(' '));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 12 }), text, async (texts, query) => {
        const index = await buildBm25(
          texts.map((one, i): Passage => ({ id: String(i), title: '', text: one })),
        );
        const numbers = new TermNumbers({ numbers: TermNumbers.of(index.data.terms) });
        const weights = new PassageWeights(index, numbers);
        const asked = queryVector(analyze(query), numbers);
        const counts = new Map(asked.indices.map((number, i) => [number, asked.values[i] ?? 0]));
        const { rows, scores } = index.search(query, 100);
        rows.forEach((row, i) => {
          const { indices, values } = weights.at(row);
          expect(indices).toEqual([...indices].sort((a, b) => a - b));
          const score = indices.reduce(
            (sum, number, t) => sum + (values[t] ?? 0) * (counts.get(number) ?? 0),
            0,
          );
          expect(Math.abs(score - (scores[i] ?? 0))).toBeLessThan(1e-5);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('gives two terms of one hash two numbers', () => {
    // FNV-1a collides on these two words, as is well known.
    const pair = ['costarring', 'liquid'] as const;
    expect(hashTerm(pair[0])).toBe(hashTerm(pair[1]));
    const exceptions = TermNumbers.of([...pair, 'other']);
    const numbers = new TermNumbers({ numbers: exceptions });
    expect(Object.keys(exceptions)).toEqual([pair[1]]);
    expect(numbers.numberOf(pair[0])).not.toBe(numbers.numberOf(pair[1]));
    expect(numbers.numberOf('__proto__')).toBe(hashTerm('__proto__'));
  });
});

describe('a /retrieve server', () => {
  it('of our own is searched like any corpus', async () => {
    const corpus = { retriever: local('bm25'), name: 'Lamps', mode: 'bm25' };
    const served = await startServer({
      ...{ host: '127.0.0.1', port: 0, apiKey: 'word', origins: [], topK: 3, corpus },
      ...{ log: () => undefined, onError: () => undefined },
    });
    try {
      const link = remoteLink('retrieve', `${served.url}/retrieve`, '');
      const keyed = { ...tools, key: () => 'word' };
      const remote = await openRemote(link, keyed);
      const hits = await (await remote.open('dense', encoder)).search(QUERIES, 5);
      expect(hits).toEqual(await local('bm25').search(QUERIES, 5));
      expect(await testRemote(link, tools)).toMatchObject({ ok: false, fix: /key/ });
    } finally {
      await served.stop(0);
    }
  });

  it('that gives rows without ids, scores or titles is understood, and one that gives nonsense is not', async () => {
    let body = '';
    const plain = createServer((request, response) => {
      request.resume().on('end', () => response.end(body));
    });
    await new Promise<void>((done) => plain.listen(0, '127.0.0.1', done));
    const link = remoteLink('retrieve', `http://127.0.0.1:${(plain.address() as AddressInfo).port}`, '');
    try {
      const rows = [
        { contents: '"Aar"\nA river.' },
        { document: { contents: '"Otter"\nIt swims.', id: 7 }, score: 2.5 },
      ];
      body = JSON.stringify({ result: [rows] });
      const retriever = await (await openRemote(link, tools)).open('bm25', encoder);
      const [hits = []] = await retriever.search(['x'], 5);
      expect(hits.map(({ passage: { title, text }, score }) => [title, text, score])).toEqual([
        ['Aar', 'A river.', 0],
        ['Otter', 'It swims.', 2.5],
      ]);
      expect(hits[1]?.passage.id).toBe('7');
      for (body of ['{"result": 3}', '[]', '<html>', '{"result": [[3]]}']) {
        await expect(retriever.search(['x'], 5)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
      }
    } finally {
      plain.close();
    }
  });
});

describe('a reference', () => {
  it('says what speaks there, where, and by which scheme', () => {
    const url = (text: string): string[] => {
      const { kind, url: address, collection } = parseRemoteReference(text);
      return [kind, address, collection];
    };
    expect(url('qdrant://localhost:6333/wiki-18')).toEqual(['qdrant', 'http://localhost:6333', 'wiki-18']);
    expect(url('opensearch://search.example.org/a')).toEqual([
      'opensearch',
      'https://search.example.org',
      'a',
    ]);
    expect(url('elasticsearch+http://10.0.0.5:9200/proxy/a')).toEqual([
      'elasticsearch',
      'http://10.0.0.5:9200/proxy',
      'a',
    ]);
    expect(url('retrieve://127.0.0.1:8787')).toEqual(['retrieve', 'http://127.0.0.1:8787', '']);
    expect(url('retrieve+https://h/x/retrieve')).toEqual(['retrieve', 'https://h/x', '']);
    for (const text of ['qdrant://h/wiki', 'retrieve://127.0.0.1:80/', 'opensearch+http://h:1/p/i']) {
      const link = parseRemoteReference(text);
      expect(parseRemoteReference(formatRemoteReference(link))).toEqual(link);
      expect(isRemoteReference(text)).toBe(true);
    }
    for (const text of ['http://h/a', 'demo', 'qdrant:/x', 'ftp://x/y'])
      expect(isRemoteReference(text)).toBe(false);
    for (const text of [
      'qdrant://h',
      'qdrant://h/A b',
      'qdrant://user:word@h/a',
      'mysql://h/a',
      'qdrant://h/..',
    ]) {
      expect(() => parseRemoteReference(text)).toThrow(/names no retrieval server/);
    }
  });
});
