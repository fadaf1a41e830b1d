/** A retrieval server as a corpus: found out about once, then searched like any other. */
import type { EncoderIdentity, RemoteLink } from '../../protocol/corpus';
import { AppError, toEnvelope } from '../../protocol/errors';
import type { RemoteReport } from '../../protocol/linked-corpora';
import type { Encoder, RetrievalMode, Retriever } from '../../protocol/retrieval';
import { analyzerOf } from '../bm25/analyzers';
import { requireTopK } from '../hits';
import { requireOurEncoder } from '../packs/pack-encoder';
import { LuceneEngine } from './lucene-engine';
import { QdrantEngine } from './qdrant';
import { RemoteClient, type RemoteTools } from './remote-client';
import type { RemoteEngine } from './remote-engine';
import { modesOf, requireComplete } from './remote-manifest';
import { RetrieveServer } from './retrieve-server';

export interface RemoteCorpus {
  readonly name: string;
  /** 0 where the server does not say. */
  readonly passages: { readonly length: number };
  readonly encoder: EncoderIdentity | null;
  readonly modes: readonly RetrievalMode[];
  /** `encoder` is asked for where the mode needs one. */
  open(mode: RetrievalMode, encoder: () => Promise<Encoder>): Promise<Retriever>;
}

export function engineOf(link: RemoteLink, tools: RemoteTools): RemoteEngine {
  const client = new RemoteClient(link, tools);
  if (link.kind === 'qdrant') return new QdrantEngine(client, link);
  if (link.kind === 'opensearch' || link.kind === 'elasticsearch') {
    return new LuceneEngine(client, link.kind, link);
  }
  throw new AppError('UNSUPPORTED', 'A /retrieve server cannot be filled from here.', {
    fix: 'Push to qdrant://, opensearch:// or elasticsearch://.',
  });
}

/**
 * Asks the server what it holds.
 * @throws AppError NETWORK, TIMEOUT, AUTH, NOT_FOUND, BAD_RESPONSE · UNSUPPORTED: not filled by us, half filled, or by another encoder
 */
export async function openRemote(
  link: RemoteLink,
  tools: RemoteTools,
  signal?: AbortSignal,
): Promise<RemoteCorpus> {
  if (link.kind === 'retrieve') return openRetrieve(link, tools, signal);
  const engine = engineOf(link, tools);
  const manifest = await engine.manifest(signal);
  requireComplete(manifest);
  requireOurEncoder(manifest);
  // Rejects where this version has no such rules.
  await analyzerOf(manifest.analyzer);
  return {
    name: manifest.name,
    passages: { length: manifest.passages },
    encoder: manifest.encoder,
    modes: modesOf(manifest),
    async open(mode, encoder) {
      const loaded = mode === 'bm25' ? null : await encoder();
      if (loaded && manifest.encoder && loaded.dimensions !== manifest.encoder.dimensions) {
        throw otherEncoder(manifest.encoder, loaded.dimensions);
      }
      return {
        mode,
        async search(queries, topK, signal) {
          requireTopK(topK);
          if (queries.length === 0) return [];
          const vectors = await loaded?.embedQueries(queries, signal);
          const asked = queries.map((text, i) => ({ text, vector: vectors?.[i] }));
          return engine.search(mode, asked, topK, manifest, signal);
        },
      };
    },
  };
}

const otherEncoder = ({ model, dimensions }: EncoderIdentity, ours: number): AppError =>
  new AppError(
    'UNSUPPORTED',
    `The vectors there have ${dimensions} numbers, those of ${model} here ${ours}.`,
    {
      fix: 'Push the pack again: it was made with another encoder of that name.',
    },
  );

/** Nothing is known of it but that it answers. */
async function openRetrieve(
  link: RemoteLink,
  tools: RemoteTools,
  signal: AbortSignal | undefined,
): Promise<RemoteCorpus> {
  const server = new RetrieveServer(new RemoteClient(link, tools));
  await server.search(['connection test'], 1, signal);
  return {
    name: new URL(link.url).host,
    passages: { length: 0 },
    encoder: null,
    // The server searches in its one way, whatever is chosen here.
    modes: ['dense', 'bm25', 'hybrid'],
    open: () => Promise.resolve(server),
  };
}

/** Never rejects, except when it is stopped. */
export async function testRemote(
  link: RemoteLink,
  tools: RemoteTools,
  signal?: AbortSignal,
): Promise<RemoteReport> {
  try {
    const { passages, modes, encoder } = await openRemote(link, tools, signal);
    const message =
      link.kind === 'retrieve'
        ? 'The server answers.'
        : `The server answers: ${passages.length} passages, ${encoder ? `embedded by ${encoder.model}` : 'searchable by words'}.`;
    return { ok: true, message, fix: '', passages: passages.length, modes: [...modes], encoder };
  } catch (error) {
    const { code, message, fix } = toEnvelope(error);
    if (code === 'ABORTED') throw error;
    return { ok: false, message, fix, passages: 0, modes: [], encoder: null };
  }
}
