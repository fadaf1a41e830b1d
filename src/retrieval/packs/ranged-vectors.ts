/**
 * The vectors of a pack that stays where it is. `exact`: fetched whole. `compact`: the 1-bit codes are, and the int8 rows of what they find
 * come by range, each block of them checked.
 */
import { CORPUS_FILES, type VectorIndexKind, type VectorSearchInfo } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import type { Encoder, OnProgress, Passage } from '../../protocol/retrieval';
import { madeBy, openIndexFiles } from '../corpus-files';
import {
  ByteRows,
  decodeSigns,
  openDenseIndex,
  RangedRows,
  RescoredIndex,
  type DenseIndex,
  type DensePlatform,
  type RangeReader,
  type ResidentSigns,
} from '../dense';
import { strideOf } from '../dense/shape';
import { decodeBlockHashes, VECTOR_BLOCKS_FILE } from './block-hashes';
import { checkedRange } from './checked-range';
import type { HttpPack } from './http-pack';
import { requirePackFile } from './pack-manifest';

export interface RangedVectors {
  readonly index: DenseIndex;
  /** Of the moment: a graphics adapter can be lost. */
  readonly info: VectorSearchInfo;
  /** Held in memory. */
  readonly bytes: number;
}

export interface VectorSource {
  pack: HttpPack;
  /** A whole file. */
  read: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
  passages: { readonly length: number; first(): Promise<Passage | undefined> };
  platform?: DensePlatform | undefined;
}

/** Files that are fetched before the first search by vectors. */
export const VECTOR_FILES: Readonly<Record<VectorIndexKind, readonly string[]>> = {
  exact: [CORPUS_FILES.vectors],
  compact: [CORPUS_FILES.signs, VECTOR_BLOCKS_FILE],
  hnsw: [CORPUS_FILES.vectors],
};

/** @throws AppError INTEGRITY, UNSUPPORTED where the encoder is not that of the pack, or a host sends no parts of files */
export async function openRangedVectors(
  source: VectorSource,
  encoder: Encoder,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<RangedVectors> {
  const { pack, read, passages, platform } = source;
  if (pack.manifest.index === 'compact') return openCompact(source, encoder, signal);
  const rows = await openIndexFiles(read, passages).vectors(encoder, onProgress, signal);
  const index = await openDenseIndex(rows, platform, signal);
  return {
    index,
    get info() {
      return index.info;
    },
    bytes: requirePackFile(pack.manifest, CORPUS_FILES.vectors).bytes,
  };
}

async function openCompact(
  { pack, read, passages, platform = {} }: VectorSource,
  encoder: Encoder,
  signal: AbortSignal | undefined,
): Promise<RangedVectors> {
  const file = requirePackFile(pack.manifest, CORPUS_FILES.vectors);
  const signsFile = await read(CORPUS_FILES.signs);
  const resident = await decodeSigns(signsFile);
  const { count } = resident.signs;
  if (count !== passages.length) {
    throw new AppError('INTEGRITY', `The index has ${count} rows, the pack ${passages.length} passages.`, {
      fix: 'Build the index again.',
    });
  }
  const hashes = await decodeBlockHashes(await read(VECTOR_BLOCKS_FILE), file.bytes);
  const rows = checkedRange(pack, file, hashes);
  if (!(await isSameEncoder(encoder, resident, rows, await passages.first(), signal))) {
    throw new AppError('UNSUPPORTED', 'The encoder has changed since this pack was embedded.', {
      fix: 'Search it by words, or build it again with the encoder of today.',
    });
  }
  const index = await RescoredIndex.open(resident, rows, { ...(signal && { signal }) });
  const now = platform.now ?? (() => performance.now());
  const start = now();
  await index.search([new Float32Array(index.dimensions).fill(index.dimensions ** -0.5)], 10, signal);
  const info: VectorSearchInfo = {
    ...{ kind: 'compact', backend: 'wasm', dtype: 'int8', threads: 1, milliseconds: now() - start },
    reason: 'One bit of each component is here; the rows that they find come from the pack.',
  };
  return { index, info, bytes: signsFile.length + 8 * hashes.count };
}

async function isSameEncoder(
  encoder: Encoder,
  { signs, byteScales }: ResidentSigns,
  read: RangeReader,
  first: Passage | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signs.count === 0) return true;
  const rows = await RangedRows.open(read, strideOf(signs.dimensions, 1), signal);
  const codes = await rows.fetch([0], signal);
  const { mean } = signs;
  const [scales, products] = [byteScales.subarray(0, 1), signs.products.subarray(0, 1)];
  return madeBy(encoder, new ByteRows({ codes, scales, products, mean }), first);
}
