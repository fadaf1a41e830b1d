/** From passages on the disk to a corpus: words indexed, vectors computed. What was there before is taken over where it has not changed. */
import { AppError } from '../../protocol/errors';
import {
  CORPUS_FILES,
  type CorpusRecord,
  type EncoderIdentity,
  type ImportOutcome,
  type NewCorpus,
} from '../../protocol/corpus';
import type { StagedCorpus, StagingStore } from '../../protocol/staged-corpus';
import { buildVectorIndex } from '../build-vector-index';
import { loadAnalyzer } from '../bm25/analyzers';
import { decodeBm25, encodeBm25 } from '../bm25/bm25-file';
import type { Bm25Index } from '../bm25/bm25-index';
import { buildBm25 } from '../bm25/bm25-retriever';
import { rebuildBm25 } from '../bm25/rebuild';
import { decodeVectors, type DenseRows } from '../dense';
import { encodeOffsets, offsetsOf } from '../packs/passage-offsets';
import { PassageFile } from '../passage-file';
import { toIndexedText } from '../passage-text';
import { sha256Hex } from '../sha256';
import { contentsOf, type ContentIndex } from './content-index';
import { embedStaged, type KnownVectors } from './embed-staged';
import { graphCheckpoints } from './graph-checkpoints';
import { pausable, requirePlan, type ImportTools, type Pausing, type Watching } from './import-tools';
import { requireFile } from './stage-passages';

/** The corpus that an update starts from. */
export interface Previous {
  record: CorpusRecord;
  passages: PassageFile;
  contents: ContentIndex;
  bm25: Bm25Index;
  vectors: DenseRows | null;
}

export async function openPrevious(id: string, store: StagingStore): Promise<Previous> {
  const record = (await store.list()).find((one) => one.id === id);
  if (!record || record.link) {
    throw new AppError('NOT_FOUND', 'There is no such corpus on this device.', {
      fix: 'Import the documents as a new corpus.',
      context: { id },
    });
  }
  const passages = new PassageFile(await store.read(id, CORPUS_FILES.passages));
  const bm25 = await decodeBm25(await store.read(id, CORPUS_FILES.bm25));
  const vectors = record.encoder ? await decodeVectors(await store.read(id, CORPUS_FILES.vectors)) : null;
  return { record, passages, contents: contentsOf(passages), bm25, vectors };
}

/** From the passages on: what needs no file of the user's any more, and can be paused. */
export const finishImport = (
  staged: StagedCorpus,
  tools: ImportTools,
  watching: Watching,
  opened?: Previous,
): Promise<ImportOutcome> => pausable(watching, (pausing) => finishStaged(staged, tools, pausing, opened));

async function finishStaged(
  staged: StagedCorpus,
  tools: ImportTools,
  { onProgress, signal, isKept }: Pausing,
  opened: Previous | undefined,
): Promise<ImportOutcome> {
  const plan = requirePlan(staged);
  const bytes = await requireFile(staged, CORPUS_FILES.passages);
  if ((await sha256Hex(bytes)) !== plan.hash) {
    throw new AppError('INTEGRITY', 'The passages of the import are damaged.', { fix: 'Import again.' });
  }
  const passages = new PassageFile(bytes);
  // Imports that an earlier version began have none.
  if (!(await staged.read(CORPUS_FILES.offsets))) {
    await staged.write(CORPUS_FILES.offsets, await encodeOffsets(offsetsOf(bytes)), signal);
  }
  const previous =
    opened ?? (plan.replaces === undefined ? undefined : await openPrevious(plan.replaces, tools.store));
  const bm25 = previous
    ? rebuildBm25(previous.bm25, changedRows(passages, previous))
    : await buildBm25(passages, {
        ...{ onProgress, signal, parameters: plan.words },
        analyzer: await loadAnalyzer(plan.words.analyzer),
      });
  await staged.write(CORPUS_FILES.bm25, await encodeBm25(bm25), signal);
  const files: string[] = [CORPUS_FILES.passages, CORPUS_FILES.offsets, CORPUS_FILES.bm25];
  let identity: EncoderIdentity | null = null;
  const { index = 'exact' } = plan;
  if (plan.encoder) {
    const loaded = await tools.loadEncoder(plan.encoder, onProgress, signal);
    identity = loaded.identity;
    const known = previous && knownVectors(previous);
    const { rows, sha256 } = await embedStaged(staged, passages, {
      ...loaded,
      known,
      index,
      onProgress,
      signal,
    });
    files.push(CORPUS_FILES.vectors);
    const checkpoints = graphCheckpoints(staged, sha256, { isKept });
    const built = await buildVectorIndex(rows, index, tools, { onProgress, signal, checkpoints });
    if (built) {
      await staged.write(built.name, built.bytes, signal);
      files.push(built.name);
    }
  }
  const { name, sources, refusals, repeats, chunking, changes, replaces } = plan;
  const how = chunking && { chunking };
  const own = { name, passages: passages.length, encoder: identity, sources, ...how };
  const corpus: NewCorpus = identity && plan.index ? { ...own, index } : own;
  const record = await staged.commit(corpus, files, replaces);
  return { record, refusals, ...(repeats && { repeats }), ...(changes && { changes }) };
}

function* changedRows(passages: PassageFile, { contents }: Previous): Generator<number | string> {
  for (const passage of passages) yield contents.find(passage) ?? toIndexedText(passage);
}

const knownVectors = ({ contents, vectors }: Previous): KnownVectors | undefined =>
  vectors ? { rows: vectors, rowOf: (passage) => contents.find(passage) } : undefined;
