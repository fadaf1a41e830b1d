/** The passages of documents, onto the disk as they are read. */
import { AppError } from '../../protocol/errors';
import { CORPUS_FILES, DEFAULT_CHUNKING, type Chunking, type ImportRequest } from '../../protocol/corpus';
import type { ImportPlan, StagedCorpus } from '../../protocol/staged-corpus';
import type { ImportedSources, ImportReadOptions } from '../documents/import-passages';
import { encodeOffsets } from '../packs/passage-offsets';
import { sha256Hex } from '../sha256';
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
  const hash = await sha256Hex(await requireFile(staged, CORPUS_FILES.passages));
  return { sources, refusals, ...(repeats && { repeats }), passages: writer.count, hash };
}

export async function requireFile(staged: StagedCorpus, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await staged.read(file);
  if (bytes) return bytes;
  throw new AppError('INTEGRITY', `The import has lost ${file}.`, { fix: 'Import the documents again.' });
}
