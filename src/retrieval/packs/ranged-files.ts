/**
 * The files of a pack that stays where it is, as an index over vectors opens them: whole ones chunk by chunk as they come, and of `vectors.bin`
 * the few rows that a compact index looks at, each block of them checked.
 */
import { CORPUS_FILES, type StoredFile, type VectorIndexKind } from '../../protocol/corpus';
import type { OnProgress } from '../../protocol/retrieval';
import type { RangeReader } from '../dense';
import type { CorpusFileSource } from '../vector-index';
import { decodeBlockHashes, VECTOR_BLOCKS_FILE } from './block-hashes';
import { checkedRange } from './checked-range';
import type { HttpPack } from './http-pack';
import { requirePackFile } from './pack-manifest';

/** Files that are fetched before the first search by vectors. */
export const VECTOR_FILES: Readonly<Record<VectorIndexKind, readonly string[]>> = {
  exact: [CORPUS_FILES.vectors],
  compact: [CORPUS_FILES.signs, VECTOR_BLOCKS_FILE],
  hnsw: [CORPUS_FILES.graph],
};

/** Blocks of rows that stay in memory: those that one query asks for are those of the next one like it. */
const KEPT_BLOCKS = 4_096;

/** Progress tells of each file by its name. @throws AppError as `HttpPack.file` */
export function packFiles(
  pack: HttpPack,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): CorpusFileSource {
  const report = (name: string) => {
    const total = requirePackFile(pack.manifest, name).bytes;
    let done = 0;
    return (bytes: number): void => {
      done += bytes;
      onProgress?.({ done, total, unit: 'bytes', label: name });
    };
  };
  const read = (name: string): Promise<Uint8Array<ArrayBuffer>> => pack.file(name, report(name), signal);
  let rows: Promise<RangeReader> | undefined;
  const openRows = async (): Promise<RangeReader> => {
    const file = requirePackFile(pack.manifest, CORPUS_FILES.vectors);
    const hashes = await decodeBlockHashes(await read(VECTOR_BLOCKS_FILE), file.bytes);
    return checkedRange(pack, file, hashes, { kept: KEPT_BLOCKS, partsOnly: true });
  };
  return {
    read,
    open: (name) => {
      const { bytes } = requirePackFile(pack.manifest, name);
      const pieces: StoredFile['pieces'] = (stop) => pack.pieces(name, report(name), stop ?? signal);
      return Promise.resolve({ bytes, pieces });
    },
    async readRange(_name, start, bytes, stop) {
      return (await (rows ??= openRows()))(start, bytes, stop);
    },
  };
}
