/** Corpora that lie elsewhere, named by an address: index packs on a static host, and retrieval servers. */
import { systemClock } from '../src/platform/clock';
import { nodeUsearchModule } from '../src/platform/node/usearch';
import type { EncoderIdentity, RemoteLink, VectorSearchSettings } from '../src/protocol/corpus';
import { requestOf } from '../src/protocol/encoder';
import { AppError } from '../src/protocol/errors';
import type { HybridSettings, RetrievalMode, Retriever } from '../src/protocol/retrieval';
import type { LinkedRetriever } from '../src/retrieval/linked-corpus';
import { openHttpPack } from '../src/retrieval/packs/http-pack';
import { openRangedPack, passageCheck } from '../src/retrieval/packs/ranged-pack';
import { openRemote } from '../src/retrieval/remote/open-remote';
import type { RemoteTools } from '../src/retrieval/remote/remote-client';
import {
  isRemoteReference,
  parseRemoteReference,
  remoteLink,
} from '../src/retrieval/remote/remote-reference';
import { UsageError, type Console } from './command';
import { openEncoder } from './encoders';
import { searchSettings, type HybridOptions } from './hybrid-options';
import { progressNotes } from './progress';

/** Keys come from the environment: other users of the machine can read command lines. */
export const KEY_VARIABLE = 'S3_RETRIEVAL_KEY';

export const remoteTools = (): RemoteTools => ({
  fetch,
  clock: systemClock,
  key: () => process.env[KEY_VARIABLE],
});

const isAddress = (text: string): boolean => /^https?:\/\//.test(text);
export const isLinkedReference = (text: string): boolean => isAddress(text) || isRemoteReference(text);

/** `https://host/retrieve` is a server, as s3 and Search-R1 write it; any other address is that of a pack. */
function remoteOf(reference: string): RemoteLink | null {
  if (isRemoteReference(reference)) return parseRemoteReference(reference);
  const { pathname } = new URL(reference);
  return /\/retrieve\/?$/.test(pathname) ? remoteLink('retrieve', reference, '') : null;
}

interface Opened {
  name: string;
  encoder: EncoderIdentity | null;
  modes: readonly RetrievalMode[];
  open: (mode: RetrievalMode) => Promise<LinkedRetriever>;
}

async function open(reference: string, console: Console): Promise<Opened> {
  const { signal } = console;
  const link = remoteOf(reference);
  const encoderOf = (identity: EncoderIdentity | null) => () =>
    openEncoder(
      requestOf(identity ?? { model: 'none', revision: '', dimensions: 0, dtype: 'fp32' }),
      console,
    );
  if (link) {
    const remote = await openRemote(link, remoteTools(), signal);
    const { name, encoder, modes } = remote;
    return { name, encoder, modes, open: (mode) => remote.open(mode, encoderOf(encoder)) };
  }
  const pack = await openHttpPack(reference, { fetch, clock: systemClock }, signal);
  // In WebAssembly, not by the native addon: a graph of strangers cannot lead out of its memory.
  const platform = { openUsearch: nodeUsearchModule };
  const ranged = await openRangedPack(pack, { platform, signal });
  if (passageCheck(pack) === 'crc32') {
    console.note('Passages of this pack are checked by CRC-32 alone: it was built by an earlier version.');
  }
  const { name, encoder } = pack.manifest;
  return {
    ...{ name, encoder, modes: ranged.modes },
    open: (mode) => ranged.open(mode, encoderOf(encoder), progressNotes(console), signal),
  };
}

/**
 * `values`: how a pack is searched; a server searches as it does.
 * @throws AppError as `openRemote` and `openHttpPack`; UNSUPPORTED for a mode that it does not have
 */
export async function linkedRetriever(
  reference: string,
  mode: RetrievalMode | 'auto',
  console: Console,
  values: HybridOptions = {},
): Promise<{ retriever: LinkedRetriever; mode: RetrievalMode; name: string }> {
  const linked = await open(reference, console);
  const chosen = mode === 'auto' ? (linked.modes[0] ?? 'bm25') : mode;
  if (!linked.modes.includes(chosen)) {
    throw new AppError('UNSUPPORTED', `${linked.name} has no vectors.`, {
      fix: 'Search it with --mode bm25.',
    });
  }
  const { hybrid, vectors } = searchSettings(values, chosen);
  const retriever = await linked.open(chosen);
  const { name } = linked;
  if (Object.keys({ ...hybrid, ...vectors }).length === 0) return { retriever, mode: chosen, name };
  return { retriever: tuned(retriever, hybrid, vectors), mode: chosen, name };
}

/** @throws UsageError where another decides */
export function tuned(
  retriever: LinkedRetriever,
  hybrid: Partial<HybridSettings>,
  vectors: Partial<VectorSearchSettings>,
): Retriever {
  if (retriever.tuned) return retriever.tuned(hybrid, vectors);
  throw new UsageError('--rrf-k, weights and --ef are not for servers, which search as they do.');
}
