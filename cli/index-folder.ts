import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { EncoderInfo } from '../src/protocol/corpus';
import { requestOf } from '../src/protocol/encoder';
import { AppError, throwIfAborted } from '../src/protocol/errors';
import type { Encoder, OnProgress, Passage, RetrievalMode } from '../src/protocol/retrieval';
import { Bm25Retriever } from '../src/retrieval/bm25/bm25-retriever';
import { buildCorpusFiles, openCorpusFiles, type SearchableCorpus } from '../src/retrieval/corpus-files';
import { DenseRetriever } from '../src/retrieval/dense';
import type { RowRetriever } from '../src/retrieval/hits';
import { HybridRetriever } from '../src/retrieval/hybrid/hybrid-retriever';
import { sha256Hex } from '../src/retrieval/sha256';
import { openEncoder } from './encoders';

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
  /** Name → sha256. */
  files: v.record(v.string(), v.string()),
});
export type IndexRecord = v.InferOutput<typeof recordSchema>;

export interface IndexContents {
  name: string;
  passages: readonly Passage[];
  /** Null: BM25 alone. */
  encoder: (Encoder & { info: EncoderInfo }) | null;
}

/** Builds everything, then writes it; a folder whose build was interrupted has no record and is no index. */
export async function writeIndex(
  folder: string,
  { name, passages, encoder }: IndexContents,
  options: { onProgress?: OnProgress; signal?: AbortSignal },
): Promise<IndexRecord> {
  const files = await buildCorpusFiles(passages, { encoder, ...options });
  await mkdir(folder, { recursive: true });
  // The old record goes first and the new one comes last: in between there is no index, never a mixed one.
  await rm(join(folder, recordFile), { force: true });
  const hashes: Record<string, string> = {};
  for (const file of files) {
    throwIfAborted(options.signal);
    await writeFile(join(folder, file.name), file.bytes);
    hashes[file.name] = await sha256Hex(file.bytes);
  }
  const record: IndexRecord = {
    format: 's3-web/index',
    version: 1,
    name,
    createdAt: new Date().toISOString(),
    passages: passages.length,
    encoder: encoder && identityOf(encoder.info),
    files: hashes,
  };
  await writeFile(join(folder, `${recordFile}.new`), `${JSON.stringify(record, null, 2)}\n`);
  await rename(join(folder, `${recordFile}.new`), join(folder, recordFile));
  return record;
}

const identityOf = ({ model, revision, dimensions, dtype }: EncoderInfo): IndexRecord['encoder'] => ({
  model,
  revision,
  dimensions,
  dtype,
});

/** An index that can be searched. */
export class IndexFolder {
  readonly record: IndexRecord;
  readonly #corpus: SearchableCorpus;

  private constructor(record: IndexRecord, corpus: SearchableCorpus) {
    this.record = record;
    this.#corpus = corpus;
  }

  /** Throws `NOT_FOUND` where there is no index, `INTEGRITY` where its files are not those that were written. */
  static async open(folder: string): Promise<IndexFolder> {
    const record = await readRecord(folder);
    return new IndexFolder(record, await openCorpusFiles((file) => readChecked(folder, record, file)));
  }

  async retriever(
    mode: RetrievalMode,
    console: { note(line: string): void; signal: AbortSignal },
  ): Promise<RowRetriever> {
    const { passages } = this.#corpus;
    if (mode === 'hybrid') {
      const dense = await this.retriever('dense', console);
      return new HybridRetriever(dense, await this.retriever('bm25', console), passages);
    }
    if (mode === 'bm25') return new Bm25Retriever(await this.#corpus.bm25(), passages);
    const { encoder: made } = this.record;
    if (made === null) {
      throw new AppError('UNSUPPORTED', 'This index has no vectors.', {
        fix: 'Search it with --mode bm25, or build it with --encoder.',
      });
    }
    const encoder = await openEncoder(requestOf(made), console);
    return new DenseRetriever(await this.#corpus.vectors(encoder), encoder, passages);
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
