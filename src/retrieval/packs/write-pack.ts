/** The files of a pack, made from those of a corpus. Whoever writes them keeps the order: the manifest comes last. */
import { CORPUS_FILES, type CorpusFile } from '../../protocol/corpus';
import { throwIfAborted } from '../../protocol/errors';
import type { OnProgress } from '../../protocol/retrieval';
import { readMeta } from '../byte-sections';
import { passagePrefix, queryPrefix } from '../encoder/e5';
import {
  blockHashesOf,
  PASSAGE_BLOCK_BYTES,
  PASSAGE_BLOCKS_FILE,
  VECTOR_BLOCK_BYTES,
  VECTOR_BLOCKS_FILE,
} from './block-hashes';
import { encodeOffsets, OFFSETS_FILE, offsetsOf } from './passage-offsets';
import {
  chunksOf,
  DEFAULT_CHUNK_BYTES,
  describeFile,
  manifestBytes,
  PACK_FORMAT,
  PACK_MANIFEST,
  PACK_VERSION,
  type PackFacts,
  type PackManifest,
} from './pack-manifest';

export interface PackPart {
  /** Relative to the pack's folder. */
  path: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface WritePackOptions {
  /** At most 16 MiB; default 8 MiB. */
  chunkBytes?: number | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** Yields every file of the pack, `corpus.json` last; returns the manifest. A folder without it is no pack. */
export async function* packParts(
  facts: PackFacts,
  files: Iterable<CorpusFile> | AsyncIterable<CorpusFile>,
  { chunkBytes = DEFAULT_CHUNK_BYTES, onProgress, signal }: WritePackOptions = {},
): AsyncGenerator<PackPart, PackManifest> {
  const manifest: PackManifest = {
    format: PACK_FORMAT,
    version: PACK_VERSION,
    name: facts.name,
    createdAt: facts.createdAt,
    passages: facts.passages,
    encoder: facts.encoder,
    ...(facts.encoder && facts.index && { index: facts.index }),
    ...(facts.chunking && { chunking: facts.chunking }),
    ...(facts.encoder && { prefixes: { query: queryPrefix, passage: passagePrefix } }),
    files: [],
  };
  let done = 0;
  async function* chunked({ name, bytes }: CorpusFile): AsyncGenerator<PackPart> {
    throwIfAborted(signal);
    const file = await describeFile(name, bytes, chunkBytes);
    for (const { path, offset, bytes: length } of chunksOf(file)) {
      throwIfAborted(signal);
      yield { path, bytes: bytes.subarray(offset, offset + length) };
      done += length;
      onProgress?.({ done, total: done, unit: 'bytes', label: name });
    }
    manifest.files.push(file);
  }
  for await (const file of files) {
    // Made anew from the passages.
    if (file.name === OFFSETS_FILE) continue;
    yield* chunked(file);
    if (file.name === CORPUS_FILES.bm25) Object.assign(manifest, wordRules(file.bytes));
    if (file.name === CORPUS_FILES.passages) {
      yield* chunked({ name: OFFSETS_FILE, bytes: await encodeOffsets(offsetsOf(file.bytes)) });
      const hashes = await blockHashesOf(file.bytes, PASSAGE_BLOCK_BYTES, signal);
      yield* chunked({ name: PASSAGE_BLOCKS_FILE, bytes: await hashes.encode() });
    }
    if (file.name === CORPUS_FILES.vectors && manifest.index === 'compact') {
      const hashes = await blockHashesOf(file.bytes, VECTOR_BLOCK_BYTES, signal);
      yield* chunked({ name: VECTOR_BLOCKS_FILE, bytes: await hashes.encode() });
    }
  }
  throwIfAborted(signal);
  yield { path: PACK_MANIFEST, bytes: manifestBytes(manifest) };
  return manifest;
}

/** How words were taken and weighed, from the index itself. */
function wordRules(bm25: Uint8Array): Pick<PackManifest, 'analyzer' | 'k1' | 'b'> {
  const { analyzer, k1, b } = readMeta(bm25, 'bm25');
  return {
    ...(typeof analyzer === 'string' && { analyzer }),
    ...(typeof k1 === 'number' && { k1 }),
    ...(typeof b === 'number' && { b }),
  };
}
