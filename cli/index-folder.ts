import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  CORPUS_FILES,
  type Chunking,
  type EncoderIdentity,
  type EncoderInfo,
  type StoredFile,
  type VectorIndexKind,
  type VectorSearchSettings,
} from '../src/protocol/corpus';
import { requestOf } from '../src/protocol/encoder';
import { AppError } from '../src/protocol/errors';
import type { Encoder, HybridSettings, OnProgress, Passage, RetrievalMode } from '../src/protocol/retrieval';
import type { IndexTools } from '../src/retrieval/build-vector-index';
import { Bm25Retriever } from '../src/retrieval/bm25/bm25-retriever';
import {
  buildCorpusFiles,
  openCorpusFiles,
  type CorpusFileSource,
  type ReadFile,
  type SearchableCorpus,
} from '../src/retrieval/corpus-files';
import { decodeVectors, DenseRetriever, openDenseIndex } from '../src/retrieval/dense';
import type { RowRetriever } from '../src/retrieval/hits';
import { HybridRetriever } from '../src/retrieval/hybrid/hybrid-retriever';
import { joined } from '../src/retrieval/packs/http-pack';
import {
  chunksOf,
  manifestBytes,
  PACK_FORMAT,
  PACK_MANIFEST,
  PACK_VERSION,
  packFile,
  parseJson,
  parsePackManifest,
  type PackManifest,
} from '../src/retrieval/packs/pack-manifest';
import { packParts } from '../src/retrieval/packs/write-pack';
import type { PushSource } from '../src/retrieval/remote/push';
import { describeVectorSearch } from '../src/retrieval/describe-vectors';
import { fileInMemory } from '../src/retrieval/section-reader';
import { sha256Hex } from '../src/retrieval/sha256';
import { openEncoder } from './encoders';
import { graphTools } from './native-graph';

/** An index on disk is a pack, or has the record of version 1. Both are written last. */
const recordSchema = v.object({
  format: v.literal(PACK_FORMAT),
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
export type IndexRecord = v.InferOutput<typeof recordSchema> | PackManifest;

export interface IndexContents {
  name: string;
  passages: readonly Passage[];
  /** Null: BM25 alone. */
  encoder: (Encoder & { info: EncoderInfo }) | null;
  /** Over the vectors. Default: `exact`. */
  index?: VectorIndexKind | undefined;
  /** How documents were cut into them. */
  chunking?: Chunking | undefined;
}

/** Builds everything, then writes it; a folder whose build was interrupted has no record and is no index. */
export async function writeIndex(
  folder: string,
  { name, passages, encoder, index, chunking }: IndexContents,
  options: {
    onProgress?: OnProgress;
    signal?: AbortSignal;
    chunkBytes?: number | undefined;
    /** What graphs are built with. */
    tools?: IndexTools;
  },
): Promise<PackManifest> {
  const files = await buildCorpusFiles(passages, { encoder, index, ...options });
  await mkdir(folder, { recursive: true });
  const before = await partsOf(folder);
  // The old record goes first and the new one comes last: in between there is no index, never a mixed one.
  await rm(join(folder, PACK_MANIFEST), { force: true });
  const facts = {
    name,
    createdAt: new Date().toISOString(),
    passages: passages.length,
    encoder: encoder && identityOf(encoder.info),
    ...{ index, chunking },
  };
  const { signal, chunkBytes } = options;
  const parts = packParts(facts, files, { signal, chunkBytes });
  for (;;) {
    const part = await parts.next();
    if (part.done) {
      const kept = new Set(part.value.files.flatMap(chunksOf).map(({ path }) => path));
      for (const path of before) if (!kept.has(path)) await rm(join(folder, path), { force: true });
      return part.value;
    }
    const { path, bytes } = part.value;
    await writeFile(join(folder, `${path}.new`), bytes);
    await rename(join(folder, `${path}.new`), join(folder, path));
  }
}

/** The files of the index that a folder holds; none where it holds none. */
async function partsOf(folder: string): Promise<string[]> {
  const record = await readRecord(folder).catch(() => null);
  return record?.version === PACK_VERSION ? record.files.flatMap(chunksOf).map(({ path }) => path) : [];
}

const identityOf = ({ model, revision, dimensions, dtype }: EncoderInfo): EncoderIdentity => ({
  model,
  revision,
  dimensions,
  dtype,
});

/** An index that can be searched. */
export class IndexFolder {
  readonly record: IndexRecord;
  readonly #corpus: SearchableCorpus;
  readonly #read: ReadFile;

  private constructor(record: IndexRecord, corpus: SearchableCorpus, read: ReadFile) {
    this.record = record;
    this.#corpus = corpus;
    this.#read = read;
  }

  /** Throws `NOT_FOUND` where there is no index, `INTEGRITY` where its files are not those that were written. */
  static async open(folder: string): Promise<IndexFolder> {
    const record = await readRecord(folder);
    const read: ReadFile = (file) => readChecked(folder, record, file);
    const readRange: CorpusFileSource['readRange'] = (file, start, bytes) =>
      readPart(folder, record, file, start, bytes);
    const kind = record.version === 1 ? 'exact' : record.index;
    const has = (file: string): boolean =>
      record.version === 1 ? file in record.files : packFile(record, file) !== undefined;
    const files = { read, open: openPieces(folder, record), readRange, has };
    return new IndexFolder(record, await openCorpusFiles(files, kind), read);
  }

  /** All of it, to be loaded into a server. @throws AppError UNSUPPORTED for an index of version 1 */
  async pushSource(): Promise<PushSource> {
    const { record } = this;
    if (record.version === 1 || record.analyzer === undefined) throw unpushable();
    const { name, encoder, analyzer } = record;
    const vectors = encoder && (await decodeVectors(await this.#read(CORPUS_FILES.vectors)));
    return {
      ...{ name, encoder, analyzer, passages: this.#corpus.passages, bm25: await this.#corpus.bm25() },
      pack: await sha256Hex(manifestBytes(record)),
      vectorAt: vectors && ((row) => vectors.rowAt(row)),
    };
  }

  /** `how`: of reciprocal rank fusion, and how wide a graph is searched; what is absent is the default. */
  async retriever(
    mode: RetrievalMode,
    console: { note(line: string): void; signal: AbortSignal },
    how: { hybrid?: Partial<HybridSettings>; vectors?: Partial<VectorSearchSettings> } = {},
  ): Promise<RowRetriever> {
    const { passages } = this.#corpus;
    if (mode === 'hybrid') {
      const dense = await this.retriever('dense', console, how);
      return new HybridRetriever(dense, await this.retriever('bm25', console), passages, how.hybrid);
    }
    if (mode === 'bm25') return new Bm25Retriever(await this.#corpus.bm25(), passages);
    const { encoder: made } = this.record;
    if (made === null) {
      throw new AppError('UNSUPPORTED', 'This index has no vectors.', {
        fix: 'Search it with --mode bm25, or build it with --encoder.',
      });
    }
    const encoder = await openEncoder(requestOf(made), console);
    const isGraph = this.record.version !== 1 && this.record.index === 'hnsw';
    const platform = isGraph ? await graphTools((line) => console.note(line)) : {};
    const corpus = this.#corpus;
    const index = corpus.openVectors
      ? await corpus.openVectors(encoder, platform, console.signal)
      : await openDenseIndex(await corpus.vectors(encoder), platform, console.signal);
    const describe = (settings: Partial<VectorSearchSettings>): string =>
      describeVectorSearch(index.info, settings);
    const settings = how.vectors ?? {};
    console.note(`Vectors: ${describe(settings)}`);
    return new DenseRetriever(index, encoder, passages, { describe, settings });
  }
}

const unpushable = (): AppError =>
  new AppError('UNSUPPORTED', 'The index is of an older form, which cannot be pushed.', {
    fix: 'Build it again with `s3 index build`.',
  });

async function readRecord(folder: string): Promise<IndexRecord> {
  const path = join(folder, PACK_MANIFEST);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) {
    throw new AppError('NOT_FOUND', `${folder} holds no index.`, {
      fix: 'Build one with `s3 index build CORPUS --out DIR`.',
    });
  }
  const old = v.safeParse(recordSchema, parseJson(bytes));
  return old.success ? old.output : parsePackManifest(bytes);
}

async function readChecked(
  folder: string,
  record: IndexRecord,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (record.version === 1) return readHashed(folder, file, record.files[file]);
  const described = packFile(record, file);
  if (!described) return readHashed(folder, file, undefined);
  const parts: Uint8Array[] = [];
  for (const { path, sha256 } of chunksOf(described)) parts.push(await readHashed(folder, path, sha256));
  return joined(parts, described.bytes);
}

/** Chunk by chunk, each checked when it is read. */
const openPieces =
  (folder: string, record: IndexRecord) =>
  async (file: string): Promise<StoredFile> => {
    const described = record.version === 1 ? undefined : packFile(record, file);
    if (!described) return fileInMemory(await readChecked(folder, record, file));
    return {
      bytes: described.bytes,
      async *pieces() {
        for (const { path, sha256 } of chunksOf(described)) yield await readHashed(folder, path, sha256);
      },
    };
  };

/** Not checked: rows have checksums of their own. */
async function readPart(
  folder: string,
  record: IndexRecord,
  file: string,
  start: number,
  bytes: number,
): Promise<Uint8Array> {
  const described = record.version === 1 ? undefined : packFile(record, file);
  const chunks = described ? chunksOf(described) : [{ path: file, offset: 0, bytes: Infinity }];
  const part = new Uint8Array(bytes);
  let done = 0;
  for (const { path, offset, bytes: length } of chunks) {
    const [from, to] = [Math.max(start, offset), Math.min(start + bytes, offset + length)];
    if (from >= to) continue;
    const handle = await open(join(folder, path));
    try {
      done += (await handle.read(part, from - start, to - from, from - offset)).bytesRead;
    } finally {
      await handle.close();
    }
  }
  if (done === bytes) return part;
  throw new AppError('INTEGRITY', `${join(folder, file)} is cut short.`, { fix: 'Build the index again.' });
}

async function readHashed(
  folder: string,
  file: string,
  sha256: string | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = sha256 === undefined ? undefined : await readFile(join(folder, file)).catch(() => undefined);
  // A copy, because small Buffers share one pool, and index files are viewed as arrays of numbers from their start.
  const own = bytes && new Uint8Array(bytes);
  if (own === undefined || (await sha256Hex(own)) !== sha256) {
    throw new AppError('INTEGRITY', `${join(folder, file)} is missing or not what was written.`, {
      fix: 'Build the index again.',
    });
  }
  return own;
}
