/** The passages of a stored corpus: a small file in memory, a large one where it lies. */
import { CORPUS_FILES } from '../protocol/corpus';
import type { Passage } from '../protocol/retrieval';
import { decodeOffsets, scanOffsets } from './packs/passage-offsets';
import { PassageFile } from './passage-file';
import type { FetchedPassages } from './passage-text';
import { RangedPassages } from './ranged-passages';
import type { CorpusFileSource } from './vector-index';

/** Files of more bytes are read by range: about 100,000 passages of 100 words. */
export const MOST_IN_MEMORY = 64 * 2 ** 20;

/** Passages of a corpus, wherever they lie. */
export interface CorpusPassages extends FetchedPassages {
  /** Held for them. */
  readonly memoryBytes: number;
  /** All of them in order, some at a time. */
  batches(signal?: AbortSignal): AsyncIterable<readonly Passage[]>;
}

/**
 * A file in memory has been checked by `files` as a whole. Of one that is read by range, the table of lines has been, and each line against the
 * table when it is read; the rest of the file is not looked at. Where there is no table, as in corpora of earlier versions, the file is read
 * once from end to end, and checked by that, to make it.
 * @throws AppError INTEGRITY, ABORTED; as `files`
 */
export async function openPassages(
  files: CorpusFileSource,
  { mostInMemory = MOST_IN_MEMORY, signal }: { mostInMemory?: number | undefined; signal?: AbortSignal } = {},
): Promise<CorpusPassages> {
  const { read, open, readRange, has } = files;
  const name = CORPUS_FILES.passages;
  if (!open || !readRange) return new PassageFile(await read(name));
  const file = await open(name);
  if (file.bytes <= mostInMemory) return new PassageFile(await read(name));
  const { bytes } = file;
  const offsets = has?.(CORPUS_FILES.offsets)
    ? await decodeOffsets(await read(CORPUS_FILES.offsets), { bytes })
    : await scanOffsets(file, signal);
  return new RangedPassages(
    (start, end, stop) => readRange(name, start, end - start, stop),
    offsets,
    'Delete the corpus and import the documents again: its passages were altered.',
  );
}
