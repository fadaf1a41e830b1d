/**
 * OpenSearch and Elasticsearch: the same words through the same analysis, Lucene's own BM25 with the k1 and b of the pack, and vectors beside
 * them. They differ in how a vector field is declared and asked, and in who fuses.
 */
import * as v from 'valibot';
import type { RemoteLink } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import type { Hit, RetrievalMode } from '../../protocol/retrieval';
import { ANALYZER_ID } from '../bm25/analyzer';
import { toIndexedText } from '../passage-text';
import type { RemoteClient } from './remote-client';
import {
  fuseRows,
  HYBRID,
  rankRows,
  TIE_MARGIN,
  type FoundRow,
  type RemoteEngine,
  type RemoteQuery,
  type RemoteRow,
} from './remote-engine';
import { parseRemoteManifest, type RemoteManifest } from './remote-manifest';

const CONTENTS = 'contents';
const VECTOR = 'embedding';
const SOURCE = ['row', 'id', 'title', 'text', 'metadata'];

const Answer = v.object({
  hits: v.object({
    hits: v.array(
      v.object({
        _score: v.number(),
        _source: v.object({
          row: v.number(),
          id: v.string(),
          title: v.string(),
          text: v.string(),
          metadata: v.optional(v.record(v.string(), v.unknown())),
        }),
      }),
    ),
  }),
});
const Failure = v.object({
  error: v.union([v.string(), v.object({ reason: v.optional(v.string(), 'no reason given') })]),
});
const Many = v.object({ responses: v.array(v.union([Answer, Failure])) });
const Mapping = v.record(v.string(), v.object({ mappings: v.object({ _meta: v.optional(v.unknown()) }) }));
const Acknowledged = v.object({ acknowledged: v.boolean() });
const Bulk = v.object({
  errors: v.boolean(),
  items: v.array(v.record(v.string(), v.object({ status: v.number(), error: v.optional(v.unknown()) }))),
});

type Document = Record<string, unknown>;

export class LuceneEngine implements RemoteEngine {
  readonly #client: RemoteClient;
  readonly #kind: 'opensearch' | 'elasticsearch';
  readonly #index: string;
  readonly #path: string;

  constructor(
    client: RemoteClient,
    kind: 'opensearch' | 'elasticsearch',
    link: Pick<RemoteLink, 'collection'>,
  ) {
    this.#client = client;
    this.#kind = kind;
    this.#index = link.collection;
    this.#path = `/${encodeURIComponent(link.collection)}`;
  }

  async manifest(signal?: AbortSignal): Promise<RemoteManifest> {
    const found = await this.#client.send('GET', `${this.#path}/_mapping`, undefined, Mapping, signal);
    // Under the index's own name where an alias was given.
    const [mapping] = Object.values(found);
    return parseRemoteManifest(mapping?.mappings._meta, `The index "${this.#index}"`);
  }

  async search(
    mode: RetrievalMode,
    queries: readonly RemoteQuery[],
    topK: number,
    _manifest: RemoteManifest,
    signal?: AbortSignal,
  ): Promise<Hit[][]> {
    const size = topK + TIE_MARGIN;
    const depth = Math.max(topK, HYBRID.depth);
    if (mode === 'hybrid') {
      return this.#kind === 'opensearch'
        ? this.#fusedThere(queries, topK, depth, signal)
        : this.#fusedHere(queries, topK, depth, signal);
    }
    const one = mode === 'bm25' ? this.#words : this.#meaning;
    const lists = await this.#many(
      queries.map((query) => one.call(this, query, size)),
      signal,
    );
    return queries.map((_, i) => {
      const rows = lists[i] ?? [];
      return rankRows(mode === 'dense' ? rows.map(withCosine) : rows, topK);
    });
  }

  /** The `hybrid` query, its two lists fused by a pipeline that the request brings along: nothing need be set up on the server. */
  async #fusedThere(
    queries: readonly RemoteQuery[],
    topK: number,
    depth: number,
    signal: AbortSignal | undefined,
  ): Promise<Hit[][]> {
    const results: Hit[][] = [];
    for (const { text, vector } of queries) {
      const body = {
        // The lists that are fused are as long as the answer.
        size: depth,
        _source: SOURCE,
        query: {
          hybrid: {
            queries: [
              { knn: { [VECTOR]: { vector: [...(vector ?? [])], k: depth } } },
              { match: { [CONTENTS]: { query: text } } },
            ],
          },
        },
        search_pipeline: {
          phase_results_processors: [
            { 'score-ranker-processor': { combination: { technique: 'rrf', rank_constant: HYBRID.k } } },
          ],
        },
      };
      const path = `${this.#path}/_search?search_type=dfs_query_then_fetch`;
      results.push(rankRows(rowsOf(await this.#client.send('POST', path, body, Answer, signal)), topK));
    }
    return results;
  }

  /** Elasticsearch fuses for a fee: both lists come in one request, and are fused here. */
  async #fusedHere(
    queries: readonly RemoteQuery[],
    topK: number,
    depth: number,
    signal: AbortSignal | undefined,
  ): Promise<Hit[][]> {
    const bodies = queries.flatMap((query) => [this.#meaning(query, depth), this.#words(query, depth)]);
    const lists = await this.#many(bodies, signal);
    return queries.map((_, i) => fuseRows(lists[2 * i] ?? [], lists[2 * i + 1] ?? [], topK));
  }

  #words({ text }: RemoteQuery, size: number): Document {
    return { size, _source: SOURCE, query: { match: { [CONTENTS]: { query: text } } } };
  }

  #meaning({ vector }: RemoteQuery, size: number): Document {
    const numbers = [...(vector ?? [])];
    return this.#kind === 'opensearch'
      ? { size, _source: SOURCE, query: { knn: { [VECTOR]: { vector: numbers, k: size } } } }
      : {
          ...{ size, _source: SOURCE },
          knn: { field: VECTOR, query_vector: numbers, k: size, num_candidates: Math.max(10 * size, 100) },
        };
  }

  async #many(bodies: readonly Document[], signal: AbortSignal | undefined): Promise<FoundRow[][]> {
    if (bodies.length === 0) return [];
    const lines = bodies.flatMap((body) => [JSON.stringify({ index: this.#index }), JSON.stringify(body)]);
    // Statistics of all shards, so that idf is that of the whole corpus.
    const path = '/_msearch?search_type=dfs_query_then_fetch';
    const { responses } = await this.#client.send('POST', path, `${lines.join('\n')}\n`, Many, signal);
    return responses.map((response) => {
      if ('hits' in response) return rowsOf(response);
      const { error } = response;
      const reason = typeof error === 'string' ? error : error.reason;
      throw new AppError('BAD_RESPONSE', `The engine could not search: ${reason.slice(0, 300)}`, {
        fix: 'See its log; the index may have been made by another program or version.',
      });
    });
  }

  async create(manifest: RemoteManifest, signal?: AbortSignal): Promise<void> {
    if (manifest.analyzer !== ANALYZER_ID) {
      throw new AppError('UNSUPPORTED', `This engine has no analysis that equals ${manifest.analyzer}.`, {
        fix: 'Push the pack to Qdrant, which stores the weights of our own analysis, or build it with the English analyzer.',
      });
    }
    const { encoder, k1, b } = manifest;
    const opensearch = this.#kind === 'opensearch';
    const body = {
      settings: {
        index: {
          ...(opensearch && encoder && { knn: true }),
          similarity: { s3: { type: 'BM25', k1, b } },
          analysis: {
            // Lucene's EnglishAnalyzer, step by step.
            analyzer: {
              s3: {
                type: 'custom',
                tokenizer: 'standard',
                filter: ['s3_possessive', 'lowercase', 's3_stop', 'porter_stem'],
              },
            },
            filter: {
              s3_possessive: { type: 'stemmer', language: 'possessive_english' },
              s3_stop: { type: 'stop', stopwords: '_english_' },
            },
          },
        },
      },
      mappings: {
        dynamic: false,
        _meta: manifest,
        properties: {
          row: { type: 'integer' },
          id: { type: 'keyword' },
          title: { type: 'keyword', index: false, doc_values: false },
          text: { type: 'keyword', index: false, doc_values: false },
          metadata: { type: 'object', enabled: false },
          [CONTENTS]: { type: 'text', analyzer: 's3', similarity: 's3' },
          ...(encoder && { [VECTOR]: vectorField(opensearch, encoder.dimensions) }),
        },
      },
    };
    await this.#client.send('PUT', this.#path, body, Acknowledged, signal);
  }

  async write(rows: readonly RemoteRow[], signal?: AbortSignal): Promise<void> {
    let left: readonly RemoteRow[] = rows;
    // Of a batch some rows may be refused because the engine is busy; those are sent again.
    for (let round = 0; left.length > 0; round++) {
      const lines = left.flatMap(({ row, passage, vector }) => [
        JSON.stringify({ index: { _index: this.#index, _id: String(row) } }),
        JSON.stringify({
          row,
          ...passage,
          [CONTENTS]: toIndexedText(passage),
          ...(vector && { [VECTOR]: [...vector] }),
        }),
      ]);
      const { items } = await this.#client.send('POST', '/_bulk', `${lines.join('\n')}\n`, Bulk, signal);
      const outcomes = items.map((item) => Object.values(item)[0]);
      const bad = outcomes.find((one) => one && one.status >= 300 && one.status !== 429);
      if (bad || outcomes.length !== left.length) throw refusedRow(bad?.error);
      left = left.filter((_, i) => outcomes[i]?.status === 429);
      if (left.length > 0 && round >= 5) throw busy();
    }
  }

  async note(manifest: RemoteManifest, signal?: AbortSignal): Promise<void> {
    const body = { _meta: manifest };
    await this.#client.send('PUT', `${this.#path}/_mapping`, body, Acknowledged, signal);
    // What was written becomes searchable, and outlives the server.
    await this.#client.send('POST', `${this.#path}/_refresh`, undefined, v.unknown(), signal);
  }

  async remove(signal?: AbortSignal): Promise<void> {
    await this.#client.send('DELETE', this.#path, undefined, Acknowledged, signal);
  }
}

/** Vectors have unit length, so that the cosine is the inner product. */
const vectorField = (opensearch: boolean, dimensions: number): Document =>
  opensearch
    ? {
        type: 'knn_vector',
        dimension: dimensions,
        method: { name: 'hnsw', engine: 'lucene', space_type: 'cosinesimil' },
      }
    : { type: 'dense_vector', dims: dimensions, index: true, similarity: 'cosine' };

/** Both engines score a cosine as (1 + cosine) / 2, since scores may not be negative. */
const withCosine = (row: FoundRow): FoundRow => ({ ...row, score: 2 * row.score - 1 });

const rowsOf = ({ hits: { hits } }: v.InferOutput<typeof Answer>): FoundRow[] =>
  hits.map(({ _score: score, _source: { row, metadata, ...rest } }) => ({
    row,
    score,
    passage: { ...rest, ...(metadata && { metadata }) },
  }));

function refusedRow(error: unknown): AppError {
  const told = JSON.stringify(error ?? 'fewer answers than rows').slice(0, 300);
  return new AppError('BAD_RESPONSE', `The engine refused a row: ${told}`, {
    fix: 'Delete the index and push again; if it happens again, its settings do not fit this pack.',
  });
}

const busy = (): AppError =>
  new AppError('RATE_LIMITED', 'The engine takes no more rows at the moment.', {
    fix: 'Push again in a while, with a smaller --batch: what has come is kept.',
    recoverable: true,
  });
