/** From passages on the disk to a corpus: words indexed, vectors computed. What was there before is taken over where it has not changed. */
import { AppError } from '../../protocol/errors';
import {
  CORPUS_FILES,
  type CorpusRecord,
  type EncoderIdentity,
  type ImportOutcome,
  type NewCorpus,
} from '../../protocol/corpus';
import type { ImportPlan, StagedCorpus } from '../../protocol/staged-corpus';
import { buildVectorIndex } from '../build-vector-index';
import { loadAnalyzer } from '../bm25/analyzers';
import { encodeBm25, loadBm25 } from '../bm25/bm25-file';
import type { Bm25Index } from '../bm25/bm25-index';
import { buildBm25 } from '../bm25/bm25-retriever';
import { Bm25Rebuilder } from '../bm25/rebuild';
import { decodeVectors, type DenseRows } from '../dense';
import { filesOf } from '../corpus-files';
import { openPassages, type CorpusPassages } from '../open-passages';
import { toIndexedText } from '../passage-text';
import { contentsOf, type ContentIndex } from './content-index';
import { embedStaged, type KnownVectors } from './embed-staged';
import { graphCheckpoints } from './graph-checkpoints';
import { pausable, requirePlan, type ImportTools, type Pausing, type Watching } from './import-tools';
import { openStaged } from './stage-passages';

/** The corpus that an update starts from. */
export interface Previous {
  record: CorpusRecord;
  passages: CorpusPassages;
  contents: ContentIndex;
  bm25: Bm25Index;
  vectors: DenseRows | null;
}

export async function openPrevious(
  id: string,
  { store, passagesInMemory }: Pick<ImportTools, 'store' | 'passagesInMemory'>,
  signal?: AbortSignal,
): Promise<Previous> {
  const record = (await store.list()).find((one) => one.id === id);
  if (!record || record.link) {
    throw new AppError('NOT_FOUND', 'There is no such corpus on this device.', {
      fix: 'Import the documents as a new corpus.',
      context: { id },
    });
  }
  const options = { mostInMemory: passagesInMemory, ...(signal && { signal }) };
  const passages = await openPassages(filesOf(store, record), options);
  const bm25 = await loadBm25(await store.open(id, CORPUS_FILES.bm25), signal);
  const vectors = record.encoder ? await decodeVectors(await store.read(id, CORPUS_FILES.vectors)) : null;
  return { record, passages, contents: await contentsOf(passages, signal), bm25, vectors };
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
  if ((await staged.hashOf(CORPUS_FILES.passages, signal)) !== plan.hash) {
    throw new AppError('INTEGRITY', 'The passages of the import are damaged.', { fix: 'Import again.' });
  }
  const passages = await openStaged(staged, tools, signal);
  const previous =
    opened ?? (plan.replaces === undefined ? undefined : await openPrevious(plan.replaces, tools, signal));
  const words = await indexWords(passages, plan, previous, { onProgress, signal });
  await staged.write(CORPUS_FILES.bm25, words, signal);
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

/** As a file: the index itself is not needed while vectors are computed. */
async function indexWords(
  passages: CorpusPassages,
  { words }: ImportPlan,
  previous: Previous | undefined,
  { onProgress, signal }: Pick<Watching, 'onProgress' | 'signal'>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!previous) {
    const analyzer = await loadAnalyzer(words.analyzer);
    return encodeBm25(await buildBm25(passages, { onProgress, signal, parameters: words, analyzer }));
  }
  const rebuilder = new Bm25Rebuilder(previous.bm25);
  for await (const batch of passages.batches(signal)) {
    const rows = await previous.contents.find(batch, signal);
    batch.forEach((passage, i) => rebuilder.add(rows[i] ?? toIndexedText(passage)));
  }
  return encodeBm25(rebuilder.build());
}

const knownVectors = ({ contents, vectors }: Previous): KnownVectors | undefined =>
  vectors ? { rows: vectors, rowsOf: (passages, signal) => contents.find(passages, signal) } : undefined;
