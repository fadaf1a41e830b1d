/** Another index over the vectors of a stored corpus. The vectors stay as they are, or become int8 where the new index needs that. */
import {
  CORPUS_FILES,
  DEFAULT_WORDS,
  type CorpusRecord,
  type EncoderIdentity,
  type NewCorpus,
  type StoredFile,
  type VectorIndexKind,
} from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import { requestOf } from '../../protocol/encoder';
import type { ImportPlan, StagedCorpus, StagingStore } from '../../protocol/staged-corpus';
import { buildVectorIndex, requireIndexTools } from '../build-vector-index';
import { denseRows, decodeVectors, encodeVectors, type DenseRows } from '../dense';
import { graphCheckpoints } from './graph-checkpoints';
import {
  pausable,
  requirePlan,
  waiting,
  type ImportTools,
  type Pausing,
  type Watching,
} from './import-tools';

type RebuildTools = Pick<ImportTools, 'store' | 'openUsearch' | 'now'>;

const KEPT = [CORPUS_FILES.passages, CORPUS_FILES.offsets, CORPUS_FILES.bm25] as const;

/**
 * The new files are made beside the old ones, and one record then points to them: whatever happens before, the corpus is what it was. What was
 * paused, or cut short when its tab was closed, is among the unfinished imports; a graph goes on with the vectors that it has.
 * @throws AppError NOT_FOUND, UNSUPPORTED, STORAGE_FULL, OUT_OF_MEMORY, ABORTED
 */
export async function rebuildIndex(
  id: string,
  kind: VectorIndexKind,
  tools: RebuildTools,
  watching: Watching = {},
): Promise<CorpusRecord> {
  const { store } = tools;
  const before = await requireRecord(id, store);
  if (indexOf(before) === kind) return before;
  requireIndexTools(kind, tools);
  return store.stage(
    async (staged) => {
      // Asked again: while this waited, another tab may have changed it.
      await staged.keep(planOf(await requireRecord(id, store), kind, tools.now()));
      return finishRebuild(staged, tools, watching);
    },
    { signal: watching.signal, ...waiting(watching) },
  );
}

function planOf(
  record: CorpusRecord & { encoder: EncoderIdentity },
  index: VectorIndexKind,
  now: string,
): ImportPlan {
  const { id, name, passages, sources, encoder, files } = record;
  return {
    ...{ format: 's3-web/import', version: 1, startedAt: now, task: 'index', replaces: id },
    ...{ name, passages, sources, index, hash: files[CORPUS_FILES.passages] ?? '' },
    ...{ refusals: [], encoder: requestOf(encoder), words: DEFAULT_WORDS },
  };
}

/** From the plan on. */
export const finishRebuild = (
  staged: StagedCorpus,
  tools: RebuildTools,
  watching: Watching,
): Promise<CorpusRecord> => pausable(watching, (pausing) => rebuild(staged, tools, pausing));

async function rebuild(
  staged: StagedCorpus,
  { store, ...tools }: RebuildTools,
  { isKept, ...watching }: Pausing,
): Promise<CorpusRecord> {
  const { replaces: id = '', index: kind = 'exact' } = requirePlan(staged);
  const record = await requireRecord(id, store);
  const read = await decodeVectors(await store.read(id, CORPUS_FILES.vectors));
  const rows = kind === 'compact' ? rounded(read) : read;
  const checkpoints = graphCheckpoints(staged, record.files[CORPUS_FILES.vectors] ?? '', { isKept });
  const built = await buildVectorIndex(rows, kind, tools, { ...watching, checkpoints });
  const kept = KEPT.filter((name) => Object.hasOwn(record.files, name));
  const files: string[] = [...kept, CORPUS_FILES.vectors];
  if (built) {
    await staged.write(built.name, built.bytes, watching.signal);
    files.push(built.name);
  }
  for (const name of kept) await copy(await store.open(id, name), staged, name, watching);
  if (rows === read) {
    await copy(await store.open(id, CORPUS_FILES.vectors), staged, CORPUS_FILES.vectors, watching);
  } else await staged.write(CORPUS_FILES.vectors, await encodeVectors(rows), watching.signal);
  const { name, passages, encoder, sources, chunking } = record;
  const corpus: NewCorpus = { name, passages, encoder, index: kind, sources, ...(chunking && { chunking }) };
  return staged.commit(corpus, files, id);
}

const indexOf = ({ index = 'exact' }: CorpusRecord): VectorIndexKind => index;

async function requireRecord(
  id: string,
  store: StagingStore,
): Promise<CorpusRecord & { encoder: EncoderIdentity }> {
  const record = (await store.list()).find((one) => one.id === id);
  if (!record) {
    throw new AppError('NOT_FOUND', 'There is no such corpus on this device.', {
      fix: 'Choose another one.',
      context: { id },
    });
  }
  if (record.link) {
    throw new AppError('UNSUPPORTED', `The corpus "${record.name}" lies elsewhere.`, {
      fix: 'Build its index where it lies, or fetch it to this device first.',
    });
  }
  const { encoder } = record;
  if (!encoder) {
    throw new AppError('UNSUPPORTED', `The corpus "${record.name}" has no vectors.`, {
      fix: 'Import the documents again with an encoder.',
    });
  }
  return { ...record, encoder };
}

function rounded(rows: DenseRows): DenseRows {
  if (rows.dtype === 'int8') return rows;
  const vectors = Array.from({ length: rows.count }, (_, row) => rows.rowAt(row));
  return denseRows(vectors, rows.dimensions, 'int8');
}

/** Checked on the way. */
async function copy(
  file: StoredFile,
  staged: StagedCorpus,
  name: string,
  { onProgress, signal }: Watching,
): Promise<void> {
  const sink = await staged.sink(name);
  try {
    let done = 0;
    for await (const piece of file.pieces(signal)) {
      await sink.write(piece);
      done += piece.byteLength;
      onProgress?.({ done, total: file.bytes, unit: 'bytes', local: true, label: 'Copying what stays' });
    }
  } catch (error) {
    // The failure is told; that the file could not be closed either adds nothing.
    await sink.close().catch(() => undefined);
    throw error;
  }
  await sink.close();
}
