import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { CORPUS_FILES, type EncoderIdentity } from '../src/protocol/corpus';
import type { EncoderServiceApi } from '../src/protocol/encoder';
import { requestOf } from '../src/protocol/encoder';
import { AppError } from '../src/protocol/errors';
import type { OnProgress, Passage, RetrievalMode, Retriever } from '../src/protocol/retrieval';
import { decodeBm25, encodeBm25 } from '../src/retrieval/bm25/bm25-file';
import { Bm25Retriever, buildBm25 } from '../src/retrieval/bm25/bm25-retriever';
import { decodeVectors, DenseRetriever, encodeVectors, flatIndexOf } from '../src/retrieval/dense';
import { sha256Hex } from '../src/retrieval/sha256';

/** An index on disk: the files of a stored corpus, and a record that is written last. */
const recordFile = 'corpus.json';
const recordSchema = v.object({
  format: v.literal('s3-web/index'),
  version: v.literal(1),
  name: v.string(),
  createdAt: v.string(),
  passages: v.number(),
  encoder: v.nullable(
    v.object({
      model: v.string(),
      revision: v.string(),
      dimensions: v.number(),
      dtype: v.picklist(['fp32', 'fp16', 'q8']),
    }),
  ),
  files: v.record(v.string(), v.string()),
});
export type IndexRecord = v.InferOutput<typeof recordSchema>;

export interface IndexContents {
  name: string;
  passages: readonly Passage[];
  /** Given with `embed`: who made the vectors. */
  encoder: EncoderIdentity | null;
  /** Vectors of all passages, in order. */
  vectors: readonly Float32Array[];
}

/** Builds BM25, writes everything; a folder whose build was interrupted has no record and is no index. */
export async function writeIndex(
  folder: string,
  { name, passages, encoder, vectors }: IndexContents,
  options: { onProgress?: OnProgress; signal?: AbortSignal },
): Promise<IndexRecord> {
  const bm25 = await buildBm25(passages, options);
  const files: [string, Uint8Array<ArrayBuffer>][] = [
    [CORPUS_FILES.passages, new TextEncoder().encode(passages.map((p) => `${JSON.stringify(p)}\n`).join(''))],
    [CORPUS_FILES.bm25, await encodeBm25(bm25)],
  ];
  if (encoder !== null) {
    files.push([CORPUS_FILES.vectors, await encodeVectors(flatIndexOf(vectors, encoder.dimensions))]);
  }
  await mkdir(folder, { recursive: true });
  // The old record goes first and the new one comes last: in between there is no index, never a mixed one.
  await rm(join(folder, recordFile), { force: true });
  const hashes: Record<string, string> = {};
  for (const [file, bytes] of files) {
    options.signal?.throwIfAborted();
    await writeFile(join(folder, file), bytes);
    hashes[file] = await sha256Hex(bytes);
  }
  const record: IndexRecord = {
    format: 's3-web/index',
    version: 1,
    name,
    createdAt: new Date().toISOString(),
    passages: passages.length,
    encoder,
    files: hashes,
  };
  await writeFile(join(folder, `${recordFile}.new`), `${JSON.stringify(record, null, 2)}\n`);
  await rename(join(folder, `${recordFile}.new`), join(folder, recordFile));
  return record;
}

export class IndexFolder {
  readonly record: IndexRecord;
  readonly passages: readonly Passage[];
  readonly #folder: string;

  private constructor(folder: string, record: IndexRecord, passages: readonly Passage[]) {
    this.#folder = folder;
    this.record = record;
    this.passages = passages;
  }

  /** Throws `NOT_FOUND` where there is no index, `INTEGRITY` where its files are not those that were written. */
  static async open(folder: string): Promise<IndexFolder> {
    const record = await readRecord(folder);
    const text = new TextDecoder().decode(await readChecked(folder, record, CORPUS_FILES.passages));
    const passages = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Passage);
    return new IndexFolder(folder, record, passages);
  }

  async retriever(mode: RetrievalMode, encoders: () => EncoderServiceApi): Promise<Retriever> {
    if (mode === 'bm25') {
      const index = await decodeBm25(await readChecked(this.#folder, this.record, CORPUS_FILES.bm25));
      return new Bm25Retriever(index, this.passages);
    }
    const { encoder } = this.record;
    if (encoder === null) {
      throw new AppError('UNSUPPORTED', 'This index has no vectors.', {
        fix: 'Search it with --mode bm25, or build it with --encoder.',
      });
    }
    const index = await decodeVectors(await readChecked(this.#folder, this.record, CORPUS_FILES.vectors));
    const service = encoders();
    const request = requestOf(encoder);
    const embedQueries = (texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> =>
      service.embedQueries(request, texts, signal);
    return new DenseRetriever(index, { embedQueries }, this.passages);
  }
}

async function readRecord(folder: string): Promise<IndexRecord> {
  const text = await readFile(join(folder, recordFile), 'utf8').catch(() => undefined);
  if (text === undefined) {
    throw new AppError('NOT_FOUND', `${folder} holds no index.`, {
      fix: 'Build one with `s3 index build CORPUS --out DIR`.',
    });
  }
  try {
    return v.parse(recordSchema, JSON.parse(text));
  } catch (cause) {
    throw new AppError('INTEGRITY', `${join(folder, recordFile)} is not the record of an index.`, {
      fix: 'Build the index again.',
      cause,
    });
  }
}

async function readChecked(
  folder: string,
  record: IndexRecord,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFile(join(folder, file)).catch(() => undefined);
  // A copy, because small Buffers share one pool, and index files are viewed as arrays of numbers from their start.
  const own = bytes && new Uint8Array(bytes);
  if (own === undefined || (await sha256Hex(own)) !== record.files[file]) {
    throw new AppError('INTEGRITY', `${join(folder, file)} is missing or not what was written.`, {
      fix: 'Build the index again.',
    });
  }
  return own;
}
