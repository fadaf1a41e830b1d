/** Corpora that lie elsewhere, named by an address: index packs on a static host, and retrieval servers. */
import { systemClock } from '../src/platform/clock';
import { nodeUsearchModule } from '../src/platform/node/usearch';
import type { EncoderIdentity, RemoteLink } from '../src/protocol/corpus';
import { requestOf } from '../src/protocol/encoder';
import { AppError } from '../src/protocol/errors';
import type { RetrievalMode, Retriever } from '../src/protocol/retrieval';
import { openHttpPack } from '../src/retrieval/packs/http-pack';
import { openRangedPack } from '../src/retrieval/packs/ranged-pack';
import { openRemote } from '../src/retrieval/remote/open-remote';
import type { RemoteTools } from '../src/retrieval/remote/remote-client';
import {
  isRemoteReference,
  parseRemoteReference,
  remoteLink,
} from '../src/retrieval/remote/remote-reference';
import type { Console } from './command';
import { openEncoder } from './encoders';
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
  open: (mode: RetrievalMode) => Promise<Retriever>;
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
  const ranged = await openRangedPack(pack, { platform: { openUsearch: nodeUsearchModule }, signal });
  const { name, encoder } = pack.manifest;
  return {
    ...{ name, encoder, modes: ranged.modes },
    open: (mode) => ranged.open(mode, encoderOf(encoder), progressNotes(console), signal),
  };
}

/** @throws AppError as `openRemote` and `openHttpPack`; UNSUPPORTED for a mode that it does not have */
export async function linkedRetriever(
  reference: string,
  mode: RetrievalMode | 'auto',
  console: Console,
): Promise<{ retriever: Retriever; mode: RetrievalMode; name: string }> {
  const linked = await open(reference, console);
  const chosen = mode === 'auto' ? (linked.modes[0] ?? 'bm25') : mode;
  if (!linked.modes.includes(chosen)) {
    throw new AppError('UNSUPPORTED', `${linked.name} has no vectors.`, {
      fix: 'Search it with --mode bm25.',
    });
  }
  return { retriever: await linked.open(chosen), mode: chosen, name: linked.name };
}
