/** The files of the indexes that are not exact, made of the rows of `vectors.bin`. */
import { CORPUS_FILES, type CorpusFile, type VectorIndexKind } from '../protocol/corpus';
import { AppError, isAbort, throwIfAborted } from '../protocol/errors';
import type { OnProgress } from '../protocol/retrieval';
import { emptySignRows, encodeSigns, SignRowWriter, type DensePlatform, type DenseRows } from './dense';
import { HnswIndex, type HnswOptions } from './usearch';
import { createPauser } from './yielding';

/** What builds graphs; without either there is no `hnsw`. */
export interface IndexTools {
  openUsearch?: DensePlatform['openUsearch'] | undefined;
  graphs?: DensePlatform['graphs'] | undefined;
}

/** A graph in the making, kept so that it need not begin anew. Vectors are added in the order of their rows. */
export interface GraphCheckpoints {
  /** The last one of the same vectors; null where there is none. */
  read(): Promise<Uint8Array<ArrayBuffer> | null>;
  /** In the place of the one before. `save` makes the file of the graph, which has so many rows. */
  write(rows: number, save: () => Uint8Array<ArrayBuffer>): Promise<void>;
  /** Between two of them. Default: half a minute, or longer where writing one takes long. */
  everyMs?: number | undefined;
}

export interface IndexProgress {
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
  /** Of graphs that are built in WebAssembly: on abort, too, what there is is kept. */
  checkpoints?: GraphCheckpoints | undefined;
}

const LABELS = { compact: 'Reducing vectors to one bit', hnsw: 'Building the graph' } as const;
/** Rows between two reports. */
const REPORT_ROWS = 256;

/** Halves take half the memory and say as much as int8 rows do, of which most graphs are made. */
const GRAPH_TYPE = 'f16' satisfies HnswOptions['dtype'];

/** The file that a kind has beside `vectors.bin`. */
export const indexFileOf = (kind: VectorIndexKind): string | null =>
  kind === 'compact' ? CORPUS_FILES.signs : kind === 'hnsw' ? CORPUS_FILES.graph : null;

/**
 * The file of `kind` over `rows`, which for `compact` must be int8; `null` for `exact`, which has none.
 * @throws AppError UNSUPPORTED without the tools, OUT_OF_MEMORY, ABORTED
 */
export async function buildVectorIndex(
  rows: DenseRows,
  kind: VectorIndexKind,
  tools: IndexTools = {},
  progress: IndexProgress = {},
): Promise<CorpusFile | null> {
  throwIfAborted(progress.signal);
  if (kind === 'compact') return { name: CORPUS_FILES.signs, bytes: await buildSigns(rows, progress) };
  if (kind === 'hnsw') return { name: CORPUS_FILES.graph, bytes: await buildGraph(rows, tools, progress) };
  return null;
}

/** Told before hours are spent on the vectors. @throws AppError UNSUPPORTED */
export function requireIndexTools(
  kind: VectorIndexKind | undefined,
  { openUsearch, graphs }: IndexTools,
): void {
  if (kind !== 'hnsw' || openUsearch || graphs) return;
  throw new AppError('UNSUPPORTED', 'Graphs of vectors cannot be built here.', {
    fix: 'Choose an exact index.',
  });
}

const reporter = (
  kind: keyof typeof LABELS,
  total: number,
  { onProgress, signal }: IndexProgress,
): ((done: number) => Promise<void> | undefined) => {
  const pause = createPauser(signal);
  return (done) => {
    if (done % REPORT_ROWS === 0 || done === total) {
      onProgress?.({ done, total, unit: 'passages', label: LABELS[kind] });
    }
    return pause();
  };
};

async function buildSigns(rows: DenseRows, progress: IndexProgress): Promise<Uint8Array<ArrayBuffer>> {
  if (rows.dtype !== 'int8') {
    throw new AppError('INTERNAL', 'A compact index needs int8 rows.', {
      fix: 'Import the documents again.',
    });
  }
  const signs = emptySignRows(rows.count, rows.mean);
  const writer = new SignRowWriter(signs);
  const report = reporter('compact', rows.count, progress);
  for (let row = 0; row < rows.count; row += 1) {
    writer.write(row, rows.rowAt(row));
    await report(row + 1);
  }
  // Those of the vectors themselves, not of what rounding has left: candidates are then scored as a scan of all int8 rows scores them.
  signs.products.set(rows.products);
  return encodeSigns(signs, rows);
}

/** A hundred thousand vectors take minutes: what a closed tab loses is to be little of that. */
const CHECKPOINT_MS = 30_000;
/** Of the time may go into checkpoints. */
const CHECKPOINT_SHARE = 0.05;

async function buildGraph(
  rows: DenseRows,
  tools: IndexTools,
  progress: IndexProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  requireIndexTools('hnsw', tools);
  if (tools.graphs) return tools.graphs.build(rows, progress);
  const { dimensions, count } = rows;
  const module = await tools.openUsearch?.();
  if (!module) throw new AppError('INTERNAL', 'usearch was not loaded.');
  const { checkpoints, signal } = progress;
  const begun = checkpoints && (await reopen(module, rows, checkpoints));
  const index = begun ?? HnswIndex.create(module, { dimensions, dtype: GRAPH_TYPE });
  index.reserve(count);
  const report = reporter('hnsw', count, progress);
  const keep = async (): Promise<void> => checkpoints?.write(index.count, () => index.save());
  const whenDue = timer(checkpoints?.everyMs);
  try {
    for (let first = index.count; first < count;) {
      const last = Math.min(count, first - (first % REPORT_ROWS) + REPORT_ROWS);
      const keys = Array.from({ length: last - first }, (_, i) => first + i);
      await index.add(
        keys,
        keys.map((row) => rows.rowAt(row)),
        signal,
      );
      first = last;
      await report(first);
      if (first < count) await whenDue(keep);
    }
  } catch (error) {
    if (isAbort(error)) await keep();
    throw error;
  }
  return index.save();
}

/** Does the work when its time has come; the longer it takes, the less often. */
function timer(everyMs: number | undefined): (work: () => Promise<void>) => Promise<void> {
  let next = performance.now() + (everyMs ?? CHECKPOINT_MS);
  return async (work) => {
    const begin = performance.now();
    if (begin < next) return;
    await work();
    const end = performance.now();
    next = end + (everyMs ?? Math.max(CHECKPOINT_MS, (end - begin) / CHECKPOINT_SHARE));
  };
}

/** One of another version of usearch or of ours, or damaged, is none: the graph is begun anew. */
async function reopen(
  module: WebAssembly.Module,
  { dimensions, count }: DenseRows,
  checkpoints: GraphCheckpoints,
): Promise<HnswIndex | null> {
  const file = await checkpoints.read();
  if (!file) return null;
  try {
    const index = await HnswIndex.open(module, file.length, (bytes) => bytes.set(file), { mode: 'load' });
    const fits = index.dimensions === dimensions && index.dtype === GRAPH_TYPE && index.count <= count;
    return fits ? index : null;
  } catch (error) {
    if (error instanceof AppError && ['INTEGRITY', 'UNSUPPORTED'].includes(error.code)) return null;
    throw error;
  }
}
