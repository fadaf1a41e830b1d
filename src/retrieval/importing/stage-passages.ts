/** The passages of documents, onto the disk as they are read. */
import { AppError } from '../../protocol/errors';
import {
  CORPUS_FILES,
  DEFAULT_CHUNKING,
  type Chunking,
  type ImportRequest,
  type StoredFile,
} from '../../protocol/corpus';
import type { ImportPlan, StagedCorpus } from '../../protocol/staged-corpus';
import type { ImportedSources, ImportReadOptions } from '../documents/import-passages';
import { openPassages, type CorpusPassages } from '../open-passages';
import { encodeOffsets, scanOffsets } from '../packs/passage-offsets';
import type { ImportTools, Watching } from './import-tools';
import { PassageWriter } from './passage-writer';

/** With the chunking that is meant where none is asked for. */
export const readOptions = (
  { chunking, numberRepeats }: Pick<ImportRequest, 'chunking' | 'numberRepeats'>,
  { read }: ImportTools,
  { onProgress, signal }: Watching,
): ImportReadOptions & { chunking: Chunking } => ({
  ...read,
  ...{ chunking: chunking ?? read?.chunking ?? DEFAULT_CHUNKING },
  ...{ numberRepeats, onProgress, signal },
});

export async function writePassages(
  staged: StagedCorpus,
  work: (writer: PassageWriter) => Promise<ImportedSources>,
): Promise<ImportedSources & Pick<ImportPlan, 'passages' | 'hash'>> {
  const writer = new PassageWriter(await staged.sink(CORPUS_FILES.passages));
  let result: ImportedSources;
  try {
    result = await work(writer);
  } catch (error) {
    // The failure is told; that the file could not be closed either adds nothing.
    await writer.close().catch(() => undefined);
    throw error;
  }
  await writer.close();
  if (writer.count === 0) {
    throw new AppError('BAD_INPUT', 'Nothing would be left in the corpus.', { fix: 'Delete it instead.' });
  }
  const { sources, refusals, repeats } = result;
  await staged.write(CORPUS_FILES.offsets, await encodeOffsets(writer.offsets()));
  const hash = await staged.hashOf(CORPUS_FILES.passages);
  return { sources, refusals, ...(repeats && { repeats }), passages: writer.count, hash };
}

const lost = (file: string): AppError =>
  new AppError('INTEGRITY', `The import has lost ${file}.`, { fix: 'Import the documents again.' });

/** What was staged, in memory where it is small. The table of lines is made where an earlier version has left none. */
export async function openStaged(
  staged: StagedCorpus,
  { passagesInMemory }: Pick<ImportTools, 'passagesInMemory'>,
  signal?: AbortSignal,
): Promise<CorpusPassages> {
  const open = async (file: string): Promise<StoredFile> => {
    const opened = await staged.open(file);
    if (opened) return opened;
    throw lost(file);
  };
  const read = async (file: string): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = await staged.read(file);
    if (bytes) return bytes;
    throw lost(file);
  };
  if (!(await staged.list()).includes(CORPUS_FILES.offsets)) {
    const offsets = await scanOffsets(await open(CORPUS_FILES.passages), signal);
    await staged.write(CORPUS_FILES.offsets, await encodeOffsets(offsets), signal);
  }
  const options = { mostInMemory: passagesInMemory, ...(signal && { signal }) };
  return openPassages(
    { read, open, has: () => true, readRange: (...part) => staged.readRange(...part) },
    options,
  );
}
