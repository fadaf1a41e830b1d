/**
 * The vectors of a staged corpus: the longest passages first, so that a batch has little padding; each content once; in parts that are kept
 * as they come, so that an import goes on at the part where it was cut short. The order follows from the passages alone.
 */
import { AppError, throwIfAborted } from '../../protocol/errors';
import { CORPUS_FILES, type EncoderIdentity, type VectorIndexKind } from '../../protocol/corpus';
import { sameEncoder } from '../../protocol/encoder';
import type { Encoder, OnProgress, Passage } from '../../protocol/retrieval';
import type { StagedCorpus } from '../../protocol/staged-corpus';
import { decodeSections, encodeSections, requireSection, requireWords } from '../byte-sections';
import { storedType } from '../corpus-files';
import { ByteRows, ByteRowWriter, denseRows, emptyByteRows, encodeVectors, type DenseRows } from '../dense';
import type { CorpusPassages } from '../open-passages';
import { sha256Hex } from '../sha256';
import { createPauser } from '../yielding';
import { ContentIndex } from './content-index';

/** Vectors of one part. */
export const PART_VECTORS = 256;
const FORMAT = 'vector-part';
const VERSION = 1;

export const partName = (part: number): string => `vectors.part-${String(part).padStart(6, '0')}`;
export const isPart = (name: string): boolean => name.startsWith('vectors.part-');

export interface KnownVectors {
  rows: DenseRows;
  /** Of each passage, the row of one with the same title and text. */
  rowsOf(passages: readonly Passage[], signal?: AbortSignal): Promise<(number | null)[]>;
}

export interface EmbedOptions {
  encoder: Encoder;
  identity: EncoderIdentity;
  /** Those that have been embedded before. */
  known?: KnownVectors | undefined;
  /** What the vectors are for. */
  index?: VectorIndexKind | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

interface Work {
  /** Rows to embed, in order. */
  order: Uint32Array;
  /** The row whose vector a row has: itself, or the first of the same content. */
  source: Uint32Array;
  /** Rows from before, by row. */
  reused: Map<number, number>;
}

async function lay(passages: CorpusPassages, { known, signal }: EmbedOptions): Promise<Work> {
  const contents = new ContentIndex(passages);
  const pause = createPauser(signal);
  const lengths = new Uint32Array(passages.length);
  const source = new Uint32Array(passages.length);
  const reused = new Map<number, number>();
  const order: number[] = [];
  let row = 0;
  for await (const batch of passages.batches(signal)) {
    const before = await known?.rowsOf(batch, signal);
    for (const [i, passage] of batch.entries()) {
      const first = await contents.add(row, passage);
      source[row] = first;
      lengths[row] = passage.title.length + passage.text.length;
      if (first === row) {
        const old = before?.[i] ?? null;
        if (old === null) order.push(row);
        else reused.set(row, old);
      }
      row++;
      await pause();
    }
  }
  order.sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
  return { order: Uint32Array.from(order), source, reused };
}

async function readPart(
  staged: StagedCorpus,
  part: number,
  count: number,
  identity: EncoderIdentity,
): Promise<Float32Array | null> {
  const file = await staged.read(partName(part));
  if (!file) return null;
  try {
    const sections = await decodeSections(file, FORMAT, VERSION);
    const { model, revision, dtype, dimensions } = sections.meta;
    const made = { model, revision, dtype, dimensions } as EncoderIdentity;
    const rows = requireWords(requireSection(sections, FORMAT, 'rows'), FORMAT, Float32Array);
    return sameEncoder(made, identity) && rows.length === count * identity.dimensions ? rows : null;
  } catch (error) {
    // Cut off while it was written: embedded again.
    if (error instanceof AppError) return null;
    throw error;
  }
}

const sizeOf = (order: Uint32Array, part: number): number =>
  Math.min(PART_VECTORS, order.length - part * PART_VECTORS);

/** Writes `vectors.bin`, whose rows and hash it returns. The parts stay until the corpus is committed. */
export async function embedStaged(
  staged: StagedCorpus,
  passages: CorpusPassages,
  options: EmbedOptions,
): Promise<{ rows: DenseRows; sha256: string }> {
  const { encoder, identity, onProgress, signal } = options;
  const work = await lay(passages, options);
  const { order } = work;
  const total = passages.length;
  const parts = Math.ceil(order.length / PART_VECTORS);
  const report = (embedded: number): void =>
    onProgress?.({ done: total - order.length + embedded, total, unit: 'passages', label: 'Embedding' });
  for (let part = 0; part < parts; part++) {
    throwIfAborted(signal);
    const size = sizeOf(order, part);
    const start = part * PART_VECTORS;
    if (!(await readPart(staged, part, size, identity))) {
      const list = await passagesOf(passages, order.subarray(start, start + size), signal);
      const vectors = await encoder.embedPassages(list, ({ done }) => report(start + done), signal);
      await writePart(staged, part, vectors, identity);
    }
    report(start + size);
  }
  throwIfAborted(signal);
  const rows = await assemble(staged, work, identity, options);
  const file = await encodeVectors(rows);
  await staged.write(CORPUS_FILES.vectors, file, signal);
  return { rows, sha256: await sha256Hex(file) };
}

async function writePart(
  staged: StagedCorpus,
  part: number,
  vectors: readonly Float32Array[],
  { model, revision, dtype, dimensions }: EncoderIdentity,
): Promise<void> {
  const rows = new Float32Array(vectors.length * dimensions);
  vectors.forEach((vector, i) => rows.set(vector, i * dimensions));
  const meta = { model, revision, dtype, dimensions };
  await staged.write(partName(part), await encodeSections(FORMAT, VERSION, meta, [['rows', rows]]));
}

/** Every row with its vector, and the row that it had before, where it had one; not in the order of the rows. */
async function* allVectors(
  staged: StagedCorpus,
  { order, source, reused }: Work,
  identity: EncoderIdentity,
  known: KnownVectors | undefined,
): AsyncGenerator<[row: number, vector: Float32Array, before: number | null]> {
  // The rows of one content as chains, so that each part is read once.
  const next = new Int32Array(source.length).fill(-1);
  const last = Uint32Array.from(source);
  source.forEach((first, row) => {
    if (first === row) return;
    next[last[first] ?? 0] = row;
    last[first] = row;
  });
  function* chain(
    first: number,
    vector: Float32Array,
    before: number | null = null,
  ): Generator<[number, Float32Array, number | null]> {
    for (let row = first; row >= 0; row = next[row] ?? -1) yield [row, vector, before];
  }
  for (const [row, before] of reused) if (known) yield* chain(row, known.rows.rowAt(before), before);
  const { dimensions } = identity;
  for (let part = 0; part * PART_VECTORS < order.length; part++) {
    const size = sizeOf(order, part);
    const rows = await readPart(staged, part, size, identity);
    if (!rows) {
      throw new AppError('INTEGRITY', 'A part of the vectors was lost while the corpus was made.', {
        fix: 'Import the documents again.',
      });
    }
    for (let i = 0; i < size; i++) {
      const row = order[part * PART_VECTORS + i] ?? 0;
      yield* chain(row, rows.subarray(i * dimensions, (i + 1) * dimensions));
    }
  }
}

/**
 * Rows that were int8 before stay so, and as they are, code for code: rounded once more they would drift a little with every update. For that
 * the mean that they are centred on must stay too. It need not be that of the corpus: scores are right with any, only the rounding grows with
 * the distance from it. So it is kept as long as half of the vectors are those from before.
 */
async function assemble(
  staged: StagedCorpus,
  work: Work,
  identity: EncoderIdentity,
  { known, index, signal }: EmbedOptions,
): Promise<DenseRows> {
  const { dimensions } = identity;
  const count = work.source.length;
  const all = () => allVectors(staged, work, identity, known);
  const before = known?.rows instanceof ByteRows ? known.rows : undefined;
  if (!before && storedType(count, index) === 'f32') {
    const vectors = new Array<Float32Array>(count);
    for await (const [row, vector] of all()) vectors[row] = vector;
    return denseRows(vectors, dimensions, 'f32');
  }
  const kept = before && work.reused.size >= work.order.length ? before : undefined;
  // Twice over the parts, for the mean and for the rows, instead of once with all of them in memory.
  const mean = kept?.mean.slice() ?? (await meanOfAll(all(), dimensions, count));
  throwIfAborted(signal);
  const rows = emptyByteRows(count, mean);
  const writer = new ByteRowWriter(rows);
  for await (const [row, vector, old] of all()) {
    if (kept && old !== null) copyRow(kept, old, rows, row);
    else writer.write(row, vector);
  }
  return rows;
}

async function meanOfAll(
  vectors: AsyncIterable<readonly [number, Float32Array, number | null]>,
  dimensions: number,
  count: number,
): Promise<Float32Array> {
  const sums = new Float64Array(dimensions);
  for await (const [, vector] of vectors) {
    for (let i = 0; i < dimensions; i++) sums[i] = (sums[i] ?? 0) + (vector[i] ?? 0);
  }
  return Float32Array.from(sums, (sum) => sum / count);
}

function copyRow(from: ByteRows, old: number, to: ByteRows, row: number): void {
  const { stride } = to;
  to.codes.set(from.codes.subarray(old * stride, (old + 1) * stride), row * stride);
  to.scales[row] = from.scales[old] ?? 0;
  to.products[row] = from.products[old] ?? 0;
}

async function passagesOf(
  passages: CorpusPassages,
  rows: Uint32Array,
  signal: AbortSignal | undefined,
): Promise<Passage[]> {
  const found = await passages.fetch(rows, signal);
  return Array.from(rows, (row) => {
    const passage = found.get(row);
    if (passage) return passage;
    throw new AppError('INTERNAL', `There is no passage ${row}.`, { fix: 'Import the documents again.' });
  });
}
