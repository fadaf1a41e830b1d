/** Qdrant's REST API: dense and sparse vectors of one point, both searched and fused in one request. */
import * as v from 'valibot';
import type { RemoteLink } from '../../protocol/corpus';
import type { Hit, Passage, RetrievalMode } from '../../protocol/retrieval';
import { analyzerOf, termsOf } from '../bm25/analyzers';
import {
  fuseRows,
  HYBRID,
  rankRows,
  TIE_MARGIN,
  type FoundRow,
  type RemoteEngine,
  type RemoteRow,
} from './remote-engine';
import type { RemoteClient } from './remote-client';
import { parseRemoteManifest, type RemoteManifest } from './remote-manifest';
import { queryVector, TermNumbers } from './sparse-terms';

export const DENSE = 'dense';
export const SPARSE = 'bm25';
/** Point 0 holds the manifest and no vectors, so that no search finds it; passages begin at 1. */
const MANIFEST_POINT = 0;
/** The first version whose fusion takes a k. */
const RRF_WITH_K = [1, 16] as const;

const Payload = v.object({
  id: v.string(),
  title: v.string(),
  text: v.string(),
  metadata: v.optional(v.record(v.string(), v.unknown())),
});
const Points = v.object({
  points: v.array(v.object({ id: v.union([v.number(), v.string()]), score: v.number(), payload: Payload })),
});
const Batch = v.object({ result: v.array(Points) });
const Manifest = v.object({ result: v.nullable(v.object({ payload: v.nullish(v.unknown()) })) });
const Version = v.object({ version: v.optional(v.string(), '') });
const Done = v.object({ status: v.unknown() });

type Search = Record<string, unknown>;

export class QdrantEngine implements RemoteEngine {
  readonly #client: RemoteClient;
  readonly #path: string;
  readonly #where: string;
  #fusesWithK: boolean | undefined;

  constructor(client: RemoteClient, { collection }: Pick<RemoteLink, 'collection'>) {
    this.#client = client;
    this.#path = `/collections/${encodeURIComponent(collection)}`;
    this.#where = `The collection "${collection}"`;
  }

  async manifest(signal?: AbortSignal): Promise<RemoteManifest> {
    const path = `${this.#path}/points/${MANIFEST_POINT}`;
    const { result } = await this.#client.send('GET', path, undefined, Manifest, signal);
    return parseRemoteManifest(result?.payload, this.#where);
  }

  async search(
    mode: RetrievalMode,
    queries: readonly { text: string; vector?: Float32Array | undefined }[],
    topK: number,
    manifest: RemoteManifest,
    signal?: AbortSignal,
  ): Promise<Hit[][]> {
    const numbers = new TermNumbers(manifest);
    const analyzer = await analyzerOf(manifest.analyzer);
    const depth = Math.max(topK, HYBRID.depth);
    const limit = topK + TIE_MARGIN;
    const fused = mode === 'hybrid' && (await this.#canFuse(signal));
    const whole = { with_payload: true, with_vector: false };
    /** What each query asks for: one list, or two to be fused here; none where it has no words. */
    const asked = queries.map(({ text, vector }): Search[] => {
      const dense: Search = { query: [...(vector ?? [])], using: DENSE };
      const terms = queryVector(termsOf(analyzer, text), numbers);
      const sparse: Search[] = terms.indices.length > 0 ? [{ query: terms, using: SPARSE }] : [];
      if (mode === 'dense') return [{ ...dense, limit, ...whole }];
      if (mode === 'bm25') return sparse.map((one) => ({ ...one, limit, ...whole }));
      if (!fused) return [dense, ...sparse].map((one) => ({ ...one, limit: depth, ...whole }));
      const prefetch = [dense, ...sparse].map((one) => ({ ...one, limit: depth }));
      // Qdrant counts ranks from 0: its k is ours and one.
      return [{ prefetch, query: { rrf: { k: HYBRID.k + 1 } }, limit, ...whole }];
    });
    const searches = asked.flat();
    if (searches.length === 0) return queries.map(() => []);
    const path = `${this.#path}/points/query/batch`;
    const { result } = await this.#client.send('POST', path, { searches }, Batch, signal);
    const lists = result.map(({ points }) => points.map(foundRow)).values();
    return asked.map((own) => {
      const [first = [], second] = own.map(() => lists.next().value ?? []);
      return mode === 'hybrid' && !fused ? fuseRows(first, second ?? [], topK) : rankRows(first, topK);
    });
  }

  async create({ encoder, ...manifest }: RemoteManifest, signal?: AbortSignal): Promise<void> {
    const body = {
      vectors: encoder ? { [DENSE]: { size: encoder.dimensions, distance: 'Dot' } } : {},
      sparse_vectors: { [SPARSE]: {} },
    };
    await this.#client.send('PUT', this.#path, body, Done, signal);
    await this.note({ ...manifest, encoder }, signal);
  }

  async write(rows: readonly RemoteRow[], signal?: AbortSignal): Promise<void> {
    const points = rows.map(({ row, passage, vector, sparse }) => ({
      id: row + 1,
      vector: { ...(vector && { [DENSE]: [...vector] }), [SPARSE]: sparse },
      payload: { ...passage },
    }));
    await this.#client.send('PUT', `${this.#path}/points?wait=true`, { points }, Done, signal);
  }

  async note(manifest: RemoteManifest, signal?: AbortSignal): Promise<void> {
    const points = [{ id: MANIFEST_POINT, vector: {}, payload: manifest }];
    await this.#client.send('PUT', `${this.#path}/points?wait=true`, { points }, Done, signal);
  }

  async remove(signal?: AbortSignal): Promise<void> {
    await this.#client.send('DELETE', this.#path, undefined, Done, signal);
  }

  async #canFuse(signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#fusesWithK !== undefined) return this.#fusesWithK;
    const { version } = await this.#client.send('GET', '/', undefined, Version, signal);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return (this.#fusesWithK = major > RRF_WITH_K[0] || (major === RRF_WITH_K[0] && minor >= RRF_WITH_K[1]));
  }
}

function foundRow({ id, score, payload }: v.InferOutput<typeof Points>['points'][number]): FoundRow {
  const { metadata, ...rest } = payload;
  const passage: Passage = { ...rest, ...(metadata && { metadata }) };
  return { row: Number(id) - 1, score, passage };
}
