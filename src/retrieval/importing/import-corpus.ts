/**
 * Documents become a stored corpus in three steps: passages onto the disk as they are read, words indexed, vectors computed. From the
 * end of the first step on an import that is cut short goes on by itself, without the user's files; before, nothing is left of it.
 */
import { AppError, isAbort, throwIfAborted } from '../../protocol/errors';
import {
  CORPUS_FILES,
  DEFAULT_WORDS,
  type CorpusRecord,
  type CorpusUpdate,
  type EncoderIdentity,
  type ImportOutcome,
  type ImportRequest,
  type NewCorpus,
  type UpdateOutcome,
} from '../../protocol/corpus';
import { requestOf, type EncoderRequest } from '../../protocol/encoder';
import type { Encoder, OnProgress, Passage } from '../../protocol/retrieval';
import type { ImportPlan, StagedCorpus, StagingStore } from '../../protocol/staged-corpus';
import { buildVectorIndex, requireIndexTools, type IndexTools } from '../build-vector-index';
import { loadAnalyzer } from '../bm25/analyzers';
import { decodeBm25, encodeBm25 } from '../bm25/bm25-file';
import { requireParameters, type Bm25Index } from '../bm25/bm25-index';
import { buildBm25 } from '../bm25/bm25-retriever';
import { rebuildBm25 } from '../bm25/rebuild';
import { decodeVectors, type DenseRows } from '../dense';
import { requireChunking } from '../documents/chunking';
import { importPassages, type ImportedSources, type ImportReadOptions } from '../documents/import-passages';
import type { ReadOptions } from '../documents/read-passages';
import { encodeOffsets, offsetsOf } from '../packs/passage-offsets';
import { PassageFile } from '../passage-file';
import { toIndexedText } from '../passage-text';
import { sha256Hex } from '../sha256';
import { contentsOf, type ContentIndex } from './content-index';
import { embedStaged, type KnownVectors } from './embed-staged';
import { PassageWriter } from './passage-writer';

export interface ImportTools {
  store: StagingStore;
  loadEncoder(
    request: EncoderRequest,
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ encoder: Encoder; identity: EncoderIdentity }>;
  read?: Pick<ReadOptions, 'pdf' | 'limits' | 'chunking'> | undefined;
  now: () => string;
  /** Builds graphs; without it there is no `hnsw`. */
  openUsearch?: IndexTools['openUsearch'];
}

export interface Watching {
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
  /** Stops it as soon as the files have been read, with what there is kept. */
  pause?: AbortSignal | undefined;
}

/** The corpus that an update starts from. */
interface Previous {
  record: CorpusRecord;
  passages: PassageFile;
  contents: ContentIndex;
  bm25: Bm25Index;
  vectors: DenseRows | null;
}

export const waiting = ({ onProgress }: Watching) => ({
  onWait: () =>
    onProgress?.({ done: 0, total: 0, unit: 'files', label: 'Waiting for the import in another tab' }),
});

export async function importCorpus(
  request: ImportRequest,
  encoder: EncoderRequest | null,
  tools: ImportTools,
  watching: Watching = {},
): Promise<ImportOutcome> {
  const words = { ...DEFAULT_WORDS, ...request.words };
  requireParameters(words);
  if (request.chunking) requireChunking(request.chunking);
  requireIndexTools(request.index, tools);
  await loadAnalyzer(words.analyzer);
  return tools.store.stage(
    async (staged) => {
      const options = readOptions(request, tools, watching);
      const { sources, refusals, ...written } = await writePassages(staged, async (writer) =>
        importPassages(request.files, writer, options),
      );
      const name = request.name.trim() || (sources[0]?.name ?? 'Documents');
      const index = encoder && request.index ? { index: request.index } : {};
      const plan = { name, sources, refusals, encoder, words, ...index, ...written };
      await staged.keep({ ...plan, format: 's3-web/import', version: 1, startedAt: tools.now() });
      return finish(staged, tools, watching);
    },
    { signal: watching.signal, ...waiting(watching) },
  );
}

/** Goes on with an import that was cut short. */
export function resumeImport(
  id: string,
  tools: ImportTools,
  watching: Watching = {},
): Promise<ImportOutcome> {
  return tools.store.stage((staged) => finish(staged, tools, watching), {
    ...{ resume: id, signal: watching.signal },
    ...waiting(watching),
  });
}

/** The corpus under the same id with other passages; only what changed is analysed and embedded. */
export async function updateCorpus(
  id: string,
  update: CorpusUpdate,
  tools: ImportTools,
  watching: Watching = {},
): Promise<UpdateOutcome> {
  if (update.chunking) requireChunking(update.chunking);
  return tools.store.stage(
    async (staged) => {
      const previous = await openPrevious(id, tools.store);
      const options = readOptions(update, tools, watching);
      const { record, passages: old } = previous;
      const counts = { added: 0, changed: 0, removed: 0, kept: 0 };
      const { sources, refusals, ...written } = await writePassages(staged, async (writer) => {
        const given = await readIncoming(staged, update, options);
        await merge(old, given.passages, update, writer, counts);
        return { ...given, sources: update.add ? [...record.sources, ...given.sources] : given.sources };
      });
      const { parameters } = previous.bm25.data;
      const words = { ...parameters, analyzer: previous.bm25.analyzer.name };
      const encoder = record.encoder && requestOf(record.encoder);
      const index = record.index ? { index: record.index } : {};
      const kept = { name: record.name, encoder, words, ...index, replaces: id };
      const plan = { ...kept, sources, refusals, ...written };
      await staged.keep({ ...plan, format: 's3-web/import', version: 1, startedAt: tools.now() });
      return { ...(await finish(staged, tools, watching, previous)), ...counts };
    },
    { signal: watching.signal, ...waiting(watching) },
  );
}

const readOptions = (
  { chunking, numberRepeats }: Pick<ImportRequest, 'chunking' | 'numberRepeats'>,
  { read }: ImportTools,
  { onProgress, signal }: Watching,
): ImportReadOptions => ({ ...read, ...(chunking && { chunking }), numberRepeats, onProgress, signal });

async function writePassages(
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

const INCOMING = 'incoming.jsonl';

/** The passages of the files of an update, in a file of their own until it is known which place each has. */
async function readIncoming(
  staged: StagedCorpus,
  { files }: CorpusUpdate,
  options: ImportReadOptions,
): Promise<ImportedSources & { passages: PassageFile }> {
  if (files.length === 0) return { passages: new PassageFile(new Uint8Array()), sources: [], refusals: [] };
  const writer = new PassageWriter(await staged.sink(INCOMING));
  try {
    const found = await importPassages(files, writer, options);
    await writer.close();
    return { ...found, passages: new PassageFile(await requireFile(staged, INCOMING)) };
  } catch (error) {
    await writer.close().catch(() => undefined); // As above.
    throw error;
  }
}

/** What stays in its place, what is new at the end; without `add`, the files alone, in their order. */
async function merge(
  old: PassageFile,
  incoming: PassageFile,
  { add = false, remove = [] }: CorpusUpdate,
  writer: PassageWriter,
  counts: Pick<UpdateOutcome, 'added' | 'changed' | 'removed' | 'kept'>,
): Promise<void> {
  const gone = new Set(remove);
  const fresh = new Map<string, number>();
  let row = 0;
  for (const { id } of incoming) fresh.set(id, row++);
  const before = new Map<string, number>();
  row = 0;
  for (const passage of old) {
    before.set(passage.id, row++);
    if (gone.has(passage.id) || (!add && !fresh.has(passage.id))) {
      counts.removed++;
      continue;
    }
    const now = incoming.at(fresh.get(passage.id) ?? -1) ?? passage;
    counts[isSame(passage, now) ? 'kept' : 'changed']++;
    if (add) await writer.add(now);
  }
  for (const passage of incoming) {
    if (gone.has(passage.id)) continue;
    const known = before.has(passage.id);
    if (!known) counts.added++;
    if (!known || !add) await writer.add(passage);
  }
}

const isSame = (a: Passage, b: Passage): boolean => a.title === b.title && a.text === b.text;

async function openPrevious(id: string, store: StagingStore): Promise<Previous> {
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
async function finish(
  staged: StagedCorpus,
  tools: ImportTools,
  { onProgress, signal, pause }: Watching,
  opened?: Previous,
): Promise<ImportOutcome> {
  const either = signal && pause ? AbortSignal.any([signal, pause]) : (signal ?? pause);
  try {
    throwIfAborted(either);
    return await finishStaged(staged, tools, { onProgress, signal: either }, opened);
  } catch (error) {
    if (!isAbort(error) || !pause?.aborted || signal?.aborted) throw error;
    throw new AppError('ABORTED', 'Paused.', { recoverable: true, context: { paused: true } });
  }
}

async function finishStaged(
  staged: StagedCorpus,
  tools: ImportTools,
  { onProgress, signal }: Watching,
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
    const rows = await embedStaged(staged, passages, { ...loaded, known, index, onProgress, signal });
    files.push(CORPUS_FILES.vectors);
    const built = await buildVectorIndex(rows, index, tools, { onProgress, signal });
    if (built) {
      await staged.write(built.name, built.bytes, signal);
      files.push(built.name);
    }
  }
  const { name, sources, refusals, repeats, replaces } = plan;
  const own = { name, passages: passages.length, encoder: identity, sources };
  const corpus: NewCorpus = identity && plan.index ? { ...own, index } : own;
  const record = await staged.commit(corpus, files, replaces);
  return { record, refusals, ...(repeats && { repeats }) };
}

function* changedRows(passages: PassageFile, { contents }: Previous): Generator<number | string> {
  for (const passage of passages) yield contents.find(passage) ?? toIndexedText(passage);
}

const knownVectors = ({ contents, vectors }: Previous): KnownVectors | undefined =>
  vectors ? { rows: vectors, rowOf: (passage) => contents.find(passage) } : undefined;

function requirePlan({ plan }: StagedCorpus): ImportPlan {
  if (plan) return plan;
  throw new AppError('INTERNAL', 'The import has no plan.', { fix: 'Import the documents again.' });
}

async function requireFile(staged: StagedCorpus, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await staged.read(file);
  if (bytes) return bytes;
  throw new AppError('INTEGRITY', `The import has lost ${file}.`, { fix: 'Import the documents again.' });
}
