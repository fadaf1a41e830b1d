/** The corpus that comes with the page: passages over HTTP, indexes made at first use, vectors kept for the next visit. */
import { AppError, throwIfAborted } from '../protocol/errors';
import type { EncoderRequest } from '../protocol/encoder';
import type { Encoder, Passage } from '../protocol/retrieval';
import { buildBm25 } from './bm25/bm25-retriever';
import { madeBy, type SearchableCorpus } from './corpus-files';
import { decodeVectors, denseRows, encodeVectors, type DenseRows } from './dense';
import { fileOf } from './documents/file-of';
import { readJsonl } from './documents/jsonl';
import { DEFAULT_LIMITS } from './documents/limits';
import { encodePassages, PassageFile } from './passage-file';
import { sha256Hex } from './sha256';

/** Bytes that can be made again. */
export interface ByteCache {
  read(name: string): Promise<Uint8Array<ArrayBuffer> | null>;
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

export interface DemoParts {
  /** `/demo/corpus.jsonl`. */
  fetchCorpus: () => Promise<Blob>;
  encoder: EncoderRequest;
  /** The vectors of that encoder that come with the page; `null` where there are none. */
  fetchVectors: () => Promise<Uint8Array<ArrayBuffer> | null>;
  /** `null`: vectors are computed on each visit. */
  cache: ByteCache | null;
}

export async function openDemoCorpus({
  fetchCorpus,
  encoder: request,
  fetchVectors,
  cache,
}: DemoParts): Promise<SearchableCorpus> {
  const blob = await fetchCorpus();
  const list: Passage[] = [];
  for await (const { passage } of readJsonl(fileOf('corpus.jsonl', blob), DEFAULT_LIMITS)) list.push(passage);
  if (list.length === 0) {
    throw new AppError('BAD_RESPONSE', 'The demo corpus is empty.', { fix: 'Reload the page.' });
  }
  const bytes = encodePassages(list);
  const passages = new PassageFile(bytes);
  const key = async (): Promise<string> =>
    `${(await sha256Hex(bytes)).slice(0, 24)}-${request.id.replace(/[^\w.-]/g, '_')}.bin`;

  /** Of another corpus, damaged, or by an older form of the encoder: not used, and made anew. */
  async function sound(
    file: Uint8Array<ArrayBuffer> | null | undefined,
    encoder: Encoder,
  ): Promise<DenseRows | null> {
    if (!file) return null;
    const index = await decodeVectors(file).catch(() => null);
    if (index?.count !== passages.length) return null;
    return (await madeBy(encoder, index, passages.at(0))) ? index : null;
  }

  return {
    passages,
    bm25: (onProgress, signal) =>
      buildBm25(list, { ...(onProgress && { onProgress }), ...(signal && { signal }) }),
    async vectors(encoder, onProgress, signal) {
      const name = await key();
      const known =
        (await sound(await fetchVectors(), encoder)) ?? (await sound(await cache?.read(name), encoder));
      if (known) return known;
      const index = denseRows(await encoder.embedPassages(list, onProgress, signal), encoder.dimensions);
      throwIfAborted(signal);
      // Without room they are computed again at the next visit; the search itself needs no storage.
      await cache?.write(name, await encodeVectors(index)).catch(() => undefined);
      return index;
    },
  };
}
