/**
 * Qdrant, OpenSearch and Elasticsearch on a loopback port, as far as their documentation describes what we use: every request is checked by
 * a schema of the documented form and refused where it departs from it. Sparse and dense vectors are really multiplied and fused; words
 * are searched by our BM25 in Lucene's place. None of this is the engine: what only the engine knows is not tried here.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as v from 'valibot';
import { buildBm25 } from '../../src/retrieval/bm25/bm25-retriever';

export interface EngineServer {
  readonly url: string;
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers']; body: unknown }[];
  /** The next requests to a path that ends so are answered like this. */
  fail(pathEnd: string, answer: EngineFailure, times?: number): void;
  close(): Promise<void>;
}

export type EngineFailure =
  { status: number; body?: string; headers?: Record<string, string> } | { cut: true } | { stall: true };

export interface EngineOptions {
  kind: 'qdrant' | 'opensearch' | 'elasticsearch';
  key?: string;
  /** Of Qdrant. */
  version?: string;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const numbers = v.array(v.pipe(v.number(), v.finite()));
const sparse = v.pipe(
  v.strictObject({ indices: v.array(v.pipe(count, v.maxValue(2 ** 32 - 1))), values: numbers }),
  v.check(
    ({ indices, values }) => indices.length === values.length && new Set(indices).size === indices.length,
  ),
);
const Create = v.strictObject({
  vectors: v.record(v.string(), v.strictObject({ size: count, distance: v.picklist(['Dot', 'Cosine']) })),
  sparse_vectors: v.record(v.string(), v.strictObject({})),
});
const Upsert = v.strictObject({
  points: v.pipe(
    v.array(
      v.strictObject({
        id: count,
        vector: v.record(v.string(), v.union([numbers, sparse])),
        payload: v.record(v.string(), v.unknown()),
      }),
    ),
    v.minLength(1),
  ),
});
type Point = v.InferOutput<typeof Upsert>['points'][number];
const Leaf = {
  query: v.union([v.pipe(numbers, v.minLength(1)), sparse]),
  using: v.string(),
  limit: v.optional(count),
};
const Search = v.union([
  v.strictObject({ ...Leaf, with_payload: v.boolean(), with_vector: v.boolean() }),
  v.strictObject({
    prefetch: v.pipe(v.array(v.strictObject(Leaf)), v.minLength(1)),
    query: v.strictObject({ rrf: v.strictObject({ k: v.pipe(count, v.minValue(1)) }) }),
    limit: count,
    with_payload: v.boolean(),
    with_vector: v.boolean(),
  }),
]);
const Batch = v.strictObject({ searches: v.pipe(v.array(Search), v.minLength(1)) });

const match = v.strictObject({ match: v.strictObject({ contents: v.strictObject({ query: v.string() }) }) });
const osKnn = v.strictObject({
  knn: v.strictObject({ embedding: v.strictObject({ vector: numbers, k: v.pipe(count, v.minValue(1)) }) }),
});
const base = { size: count, _source: v.array(v.string()) };
const esKnn = v.strictObject({
  field: v.literal('embedding'),
  query_vector: numbers,
  k: count,
  num_candidates: v.pipe(count, v.maxValue(10_000)),
});
const Hybrid = v.strictObject({
  ...base,
  query: v.strictObject({ hybrid: v.strictObject({ queries: v.tuple([osKnn, match]) }) }),
  search_pipeline: v.strictObject({
    phase_results_processors: v.tuple([
      v.strictObject({
        'score-ranker-processor': v.strictObject({
          combination: v.strictObject({
            technique: v.literal('rrf'),
            rank_constant: v.pipe(count, v.minValue(1)),
          }),
        }),
      }),
    ]),
  }),
});
const LuceneSearch = {
  opensearch: v.union([Hybrid, v.strictObject({ ...base, query: v.union([match, osKnn]) })]),
  elasticsearch: v.union([
    v.strictObject({ ...base, query: match }),
    v.strictObject({ ...base, knn: esKnn }),
  ]),
};
const Index = v.looseObject({
  settings: v.strictObject({
    index: v.looseObject({
      similarity: v.strictObject({
        s3: v.strictObject({ type: v.literal('BM25'), k1: v.number(), b: v.number() }),
      }),
      analysis: v.looseObject({}),
    }),
  }),
  mappings: v.looseObject({
    _meta: v.unknown(),
    properties: v.record(v.string(), v.looseObject({ type: v.string() })),
  }),
});

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const parsed = <T extends v.GenericSchema>(schema: T, value: unknown): v.InferOutput<T> => {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new Refusal(400, `${v.getDotPath(result.issues[0]) ?? ''}: ${result.issues[0].message}`);
};

type Scored = { key: number; score: number };
const best = (list: Scored[], limit: number): Scored[] =>
  // Ties in an order that nobody asked for, as engines have them.
  list.sort((a, b) => b.score - a.score || b.key - a.key).slice(0, limit);
/** Qdrant counts ranks from 0, OpenSearch from 1. */
function rrf(lists: Scored[][], k: number, first: 0 | 1, limit: number): Scored[] {
  const scores = new Map<number, number>();
  for (const list of lists) {
    list.forEach(({ key }, rank) => scores.set(key, (scores.get(key) ?? 0) + 1 / (k + rank + first)));
  }
  return best(
    [...scores].map(([key, score]) => ({ key, score })),
    limit,
  );
}
const dot = (a: readonly number[], b: readonly number[]): number =>
  Math.fround(a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0));

function createQdrant(version: string) {
  const collections = new Map<string, { dense: number | undefined; points: Map<number, Point> }>();
  const find = (name: string) => {
    const found = collections.get(name);
    if (!found) throw new Refusal(404, `Not found: Collection \`${name}\` doesn't exist!`);
    return found;
  };
  const done = (result: unknown) => ({ result, status: 'ok', time: 0.001 });

  function leaf(points: Map<number, Point>, query: unknown, using: string, limit = 10): Scored[] {
    const list: Scored[] = [];
    for (const [key, { vector }] of points) {
      const own = vector[using];
      if (own === undefined) continue;
      if (Array.isArray(query) && Array.isArray(own)) {
        if (query.length !== own.length) throw new Refusal(400, 'Wrong input: Vector dimension error');
        list.push({ key, score: dot(query as number[], own) });
      } else if (!Array.isArray(own)) {
        const { indices, values } = parsed(sparse, query);
        const weights = new Map(own.indices.map((index, i) => [index, own.values[i] ?? 0]));
        if (!indices.some((index) => weights.has(index))) continue;
        const score = indices.reduce(
          (sum, index, i) => sum + (values[i] ?? 0) * (weights.get(index) ?? 0),
          0,
        );
        list.push({ key, score: Math.fround(score) });
      } else throw new Refusal(400, `Wrong input: Not existing vector name error: ${using}`);
    }
    return best(list, limit);
  }

  return (method: string, path: string, body: unknown): unknown => {
    if (path === '/') return { title: 'qdrant - vector search engine', version };
    const [, , name = '', ...rest] = path.split('/');
    const route = `${method} ${rest.join('/')}`;
    if (route === 'PUT ') {
      if (collections.has(name))
        throw new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`);
      const { vectors } = parsed(Create, body);
      collections.set(name, { dense: vectors['dense']?.size, points: new Map() });
      return done(true);
    }
    const { points } = find(name);
    if (route === 'DELETE ') return done(collections.delete(name));
    if (route === 'PUT points') {
      for (const point of parsed(Upsert, body).points) points.set(point.id, point);
      return done({ operation_id: 1, status: 'completed' });
    }
    if (method === 'GET' && rest[0] === 'points') {
      const point = points.get(Number(rest[1]));
      if (!point) throw new Refusal(404, 'Not found: Point with id does not exists!');
      return done(point);
    }
    if (route !== 'POST points/query/batch') throw new Refusal(404, route);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const lists = parsed(Batch, body).searches.map((search) => {
      if (!('prefetch' in search)) return leaf(points, search.query, search.using, search.limit);
      if (major === 1 && minor < 16)
        throw new Refusal(400, 'Format error in JSON body: unknown variant `rrf`');
      const parts = search.prefetch.map((one) => leaf(points, one.query, one.using, one.limit));
      return rrf(parts, search.query.rrf.k, 0, search.limit);
    });
    return done(
      lists.map((list) => ({
        points: list.map(({ key, score }) => ({
          id: key,
          version: 3,
          score,
          payload: points.get(key)?.payload,
        })),
      })),
    );
  };
}

interface LuceneDocument {
  row: number;
  contents: string;
  embedding?: number[];
}

function createLucene(kind: 'opensearch' | 'elasticsearch') {
  const indexes = new Map<
    string,
    { meta: unknown; k1: number; b: number; documents: Map<string, LuceneDocument> }
  >();
  const find = (name: string) => {
    const found = indexes.get(name);
    if (!found) throw new Refusal(404, JSON.stringify({ error: { type: 'index_not_found_exception' } }));
    return found;
  };

  async function words(name: string, query: string, limit: number): Promise<Scored[]> {
    const { documents, k1, b } = find(name);
    const list = [...documents.values()];
    const index = await buildBm25(
      list.map(({ row, contents }) => ({ id: String(row), title: '', text: contents })),
      { parameters: { k1, b } },
    );
    const { rows, scores } = index.search(query, limit);
    return best(
      [...rows].map((at, i) => ({ key: list[at]?.row ?? -1, score: scores[i] ?? 0 })),
      limit,
    );
  }
  const meaning = (name: string, vector: number[], limit: number): Scored[] =>
    best(
      [...find(name).documents.values()].flatMap(({ row, embedding }) =>
        embedding ? [{ key: row, score: (1 + dot(vector, embedding)) / 2 }] : [],
      ),
      limit,
    );

  async function search(name: string, body: unknown): Promise<unknown> {
    const request = parsed(LuceneSearch[kind], body) as v.InferOutput<(typeof LuceneSearch)['opensearch']> &
      v.InferOutput<(typeof LuceneSearch)['elasticsearch']>;
    const { size } = request;
    let found: Scored[];
    if ('search_pipeline' in request) {
      const { queries } = (request as v.InferOutput<typeof Hybrid>).query.hybrid;
      const { vector, k } = queries[0].knn.embedding;
      const lists = [meaning(name, vector, k), await words(name, queries[1].match.contents.query, size)];
      found = rrf(lists, 60, 1, size);
    } else if ('knn' in request) {
      const knn = (request as { knn: v.InferOutput<typeof esKnn> }).knn;
      found = meaning(name, knn.query_vector, Math.min(size, knn.k));
    } else {
      const query = request.query as v.InferOutput<typeof match> | v.InferOutput<typeof osKnn>;
      found =
        'match' in query
          ? await words(name, query.match.contents.query, size)
          : meaning(name, query.knn.embedding.vector, Math.min(size, query.knn.embedding.k));
    }
    const { documents } = find(name);
    return {
      took: 1,
      timed_out: false,
      hits: {
        total: { value: found.length, relation: 'eq' },
        hits: found.map(({ key, score }) => {
          const {
            contents: _contents,
            embedding: _embedding,
            ...source
          } = documents.get(String(key)) ?? {
            contents: '',
          };
          return { _index: name, _id: String(key), _score: score, _source: source };
        }),
      },
    };
  }

  const lines = (body: unknown): unknown[] => {
    if (typeof body !== 'string' || !body.endsWith('\n')) {
      throw new Refusal(400, 'The bulk request must be terminated by a newline [\\n]');
    }
    return body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  };

  return async (method: string, path: string, body: unknown): Promise<unknown> => {
    if (path === '/_bulk') {
      const rows = lines(body);
      const items: unknown[] = [];
      for (let i = 0; i < rows.length; i += 2) {
        const { index } = rows[i] as { index: { _index: string; _id: string } };
        find(index._index).documents.set(index._id, rows[i + 1] as LuceneDocument);
        items.push({ index: { _index: index._index, _id: index._id, status: 201 } });
      }
      return { took: 1, errors: false, items };
    }
    if (path === '/_msearch') {
      const rows = lines(body);
      const responses: unknown[] = [];
      for (let i = 0; i < rows.length; i += 2) {
        responses.push(await search((rows[i] as { index: string }).index, rows[i + 1]));
      }
      return { took: 1, responses };
    }
    const [, name = '', verb = ''] = path.split('/');
    if (method === 'PUT' && verb === '') {
      const { settings, mappings } = parsed(Index, body);
      const { k1, b } = settings.index.similarity.s3;
      indexes.set(name, { meta: mappings['_meta'], k1, b, documents: new Map() });
      return { acknowledged: true, shards_acknowledged: true, index: name };
    }
    const index = find(name);
    if (method === 'DELETE') return { acknowledged: indexes.delete(name) };
    if (method === 'GET' && verb === '_mapping') return { [name]: { mappings: { _meta: index.meta } } };
    if (method === 'PUT' && verb === '_mapping') {
      index.meta = parsed(v.strictObject({ _meta: v.unknown() }), body)._meta;
      return { acknowledged: true };
    }
    if (verb === '_refresh') return { _shards: { total: 1, successful: 1, failed: 0 } };
    if (verb === '_search') return search(name, body);
    throw new Refusal(405, `${method} ${path}`);
  };
}

export async function startEngineServer(options: EngineOptions): Promise<EngineServer> {
  const { kind, key, version = '1.16.2' } = options;
  const answer = kind === 'qdrant' ? createQdrant(version) : createLucene(kind);
  const requests: EngineServer['requests'] = [];
  const failures: { pathEnd: string; answer: EngineFailure; times: number }[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = decodeURIComponent(pathname);
    const { method = '', headers } = request;
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', '*, Authorization');
    response.setHeader('Access-Control-Allow-Methods', '*');
    if (method === 'OPTIONS') return void response.writeHead(204).end();
    const ndjson = headers['content-type'] === 'application/x-ndjson';
    const body: unknown = text === '' ? undefined : ndjson ? text : JSON.parse(text);
    requests.push({ method, path, headers, body });
    const failure = failures.find(({ pathEnd, times }) => times > 0 && path.endsWith(pathEnd));
    if (failure) {
      failure.times -= 1;
      if ('cut' in failure.answer) return void response.destroy();
      if ('stall' in failure.answer) return;
      return void response
        .writeHead(failure.answer.status, failure.answer.headers)
        .end(failure.answer.body ?? '');
    }
    try {
      if (key !== undefined && headers['api-key'] !== key && headers.authorization !== `ApiKey ${key}`) {
        throw new Refusal(401, `Must provide an API key or an Authorization bearer token, not ${key}`);
      }
      const document = JSON.stringify(await answer(method, path, body));
      response.writeHead(200, { 'content-type': 'application/json' }).end(document);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      const message = error instanceof Error ? error.message : String(error);
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ status: { error: message } }));
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    fail: (pathEnd, answer, times = 1) => void failures.push({ pathEnd, answer, times }),
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
