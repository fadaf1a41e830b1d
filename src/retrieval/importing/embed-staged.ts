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
import { ByteRowWriter, denseRows, emptyByteRows, encodeVectors, type DenseRows } from '../dense';
import type { PassageFile } from '../passage-file';
import { createPauser } from '../yielding';
import { ContentIndex } from './content-index';

/** Vectors of one part. */
export const PART_VECTORS = 256;
const FORMAT = 'vector-part';
const VERSION = 1;

export const partName = (part: number): string => `vectors.part-${String(part).padStart(6, '0')}`;
export const isPart = (name: string): boolean => name.startsWith('vectors.part-');

export interface EmbedOptions {
  encoder: Encoder;
  identity: EncoderIdentity;
  /** The vector of a passage that has been embedded before. */
  known?: ((passage: Passage) => Float32Array | null) | undefined;
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
  /** Vectors from before, by row. */
  reused: Map<number, Float32Array>;
}

async function lay(passages: PassageFile, { known, signal }: EmbedOptions): Promise<Work> {
  const contents = new ContentIndex(passages);
  const pause = createPauser(signal);
  const lengths = new Uint32Array(passages.length);
  const source = new Uint32Array(passages.length);
  const reused = new Map<number, Float32Array>();
  const order: number[] = [];
  let row = 0;
  for (const passage of passages) {
    const first = contents.add(row, passage);
    source[row] = first;
    lengths[row] = passage.title.length + passage.text.length;
    if (first === row) {
      const vector = known?.(passage);
      if (vector) reused.set(row, vector);
      else order.push(row);
    }
    row++;
    await pause();
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

/** Writes `vectors.bin`, whose rows it returns. The parts stay until the corpus is committed. */
export async function embedStaged(
  staged: StagedCorpus,
  passages: PassageFile,
  options: EmbedOptions,
): Promise<DenseRows> {
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
      const list = Array.from(order.subarray(start, start + size), (row) => requirePassage(passages, row));
      const vectors = await encoder.embedPassages(list, ({ done }) => report(start + done), signal);
      await writePart(staged, part, vectors, identity);
    }
    report(start + size);
  }
  throwIfAborted(signal);
  const rows = await assemble(staged, work, identity, options);
  await staged.write(CORPUS_FILES.vectors, await encodeVectors(rows), signal);
  return rows;
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

/** Every row with its vector, not in the order of the rows. */
async function* allVectors(
  staged: StagedCorpus,
  { order, source, reused }: Work,
  identity: EncoderIdentity,
): AsyncGenerator<[row: number, vector: Float32Array]> {
  // The rows of one content as chains, so that each part is read once.
  const next = new Int32Array(source.length).fill(-1);
  const last = Uint32Array.from(source);
  source.forEach((first, row) => {
    if (first === row) return;
    next[last[first] ?? 0] = row;
    last[first] = row;
  });
  function* chain(first: number, vector: Float32Array): Generator<[number, Float32Array]> {
    for (let row = first; row >= 0; row = next[row] ?? -1) yield [row, vector];
  }
  for (const [row, vector] of reused) yield* chain(row, vector);
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

async function assemble(
  staged: StagedCorpus,
  work: Work,
  identity: EncoderIdentity,
  { index, signal }: EmbedOptions,
): Promise<DenseRows> {
  const { dimensions } = identity;
  const count = work.source.length;
  if (storedType(count, index) === 'f32') {
    const vectors = new Array<Float32Array>(count);
    for await (const [row, vector] of allVectors(staged, work, identity)) vectors[row] = vector;
    return denseRows(vectors, dimensions, 'f32');
  }
  // Twice over the parts, for the mean and for the rows, instead of once with all of them in memory.
  const sums = new Float64Array(dimensions);
  for await (const [, vector] of allVectors(staged, work, identity)) {
    for (let i = 0; i < dimensions; i++) sums[i] = (sums[i] ?? 0) + (vector[i] ?? 0);
  }
  throwIfAborted(signal);
  const rows = emptyByteRows(
    count,
    Float32Array.from(sums, (sum) => sum / count),
  );
  const writer = new ByteRowWriter(rows);
  for await (const [row, vector] of allVectors(staged, work, identity)) writer.write(row, vector);
  return rows;
}

function requirePassage(passages: PassageFile, row: number): Passage {
  const passage = passages.at(row);
  if (passage) return passage;
  throw new AppError('INTERNAL', `There is no passage ${row}.`, { fix: 'Import the documents again.' });
}
