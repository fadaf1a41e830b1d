/**
 * The manifest of an index pack, `corpus.json`: what the index is, and of which bytes it consists. A pack is one folder and never changes;
 * a new index is a new folder. Files longer than a chunk lie as several files of the static host (`vectors.bin.00001` …), so that hosts with a
 * limit take them, a transfer that breaks loses one chunk at most, and every chunk is checked by its hash when it arrives.
 *
 * Version 1 was the record of an index on a disk: names and hashes, no lengths. It is read there (`packOfRecord`), not over HTTP.
 */
import * as v from 'valibot';
import {
  CORPUS_FILES,
  VECTOR_INDEXES,
  type Chunking,
  type EncoderIdentity,
  type VectorIndexKind,
} from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import { sha256Hex } from '../sha256';

export const PACK_MANIFEST = 'corpus.json';
export const PACK_FORMAT = 's3-web/index';
export const PACK_VERSION = 2;

export const DEFAULT_CHUNK_BYTES = 8 * 2 ** 20;
/** A chunk is held in memory whole, to be hashed. */
export const MAX_CHUNK_BYTES = 16 * 2 ** 20;
export const MAX_MANIFEST_BYTES = 8 * 2 ** 20;
const MAX_FILES = 32;
const MAX_CHUNKS = 65_536;
const MAX_PASSAGES = 2 ** 31 - 1;

const whole = (least: number, most: number) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'not a SHA-256'));
const shortText = v.pipe(v.string(), v.maxLength(300));
/** One plain name: no folder, nothing hidden, nothing upwards, and not that of the manifest. */
const fileName = v.pipe(
  v.string(),
  v.maxLength(80),
  v.regex(/^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$/, 'not a plain file name'),
  v.check((name) => name !== PACK_MANIFEST, 'the manifest cannot name itself'),
);

const EncoderSchema = v.object({
  model: v.pipe(shortText, v.nonEmpty()),
  revision: shortText,
  dimensions: whole(1, 65_536),
  dtype: v.picklist(['fp32', 'fp16', 'q8']),
});

const FileSchema = v.object({
  name: fileName,
  bytes: whole(0, 2 ** 44),
  sha256,
  /** Of all chunks but the last, which is shorter or as long. */
  chunkBytes: whole(1, MAX_CHUNK_BYTES),
  /** SHA-256 of each; one for an empty file. */
  chunks: v.pipe(v.array(sha256), v.minLength(1), v.maxLength(MAX_CHUNKS)),
});

/** Sound as `requireChunking` has it. */
const ChunkingSchema = v.union([
  v.object({ by: v.picklist(['passage', 'words', 'heading']), words: whole(10, 2_000) }),
  v.pipe(
    v.object({ by: v.literal('sentences'), sentences: whole(1, 100), overlap: whole(0, 99) }),
    v.check(({ sentences, overlap }) => overlap < sentences, 'overlaps whole windows'),
  ),
]);

const ManifestSchema = v.object({
  format: v.literal(PACK_FORMAT),
  version: v.literal(PACK_VERSION),
  name: v.pipe(v.string(), v.maxLength(200)),
  /** ISO 8601. */
  createdAt: v.pipe(v.string(), v.maxLength(40)),
  passages: whole(0, MAX_PASSAGES),
  /** Null: searchable by words only. */
  encoder: v.nullable(EncoderSchema),
  /** How its vectors are searched; absent: `exact`. */
  index: v.optional(v.picklist(VECTOR_INDEXES)),
  /** What stood before queries and passages when they were embedded. */
  prefixes: v.optional(v.object({ query: shortText, passage: shortText })),
  /** How texts were cut into passages, for whoever adds some. A way of a later version is as good as none. */
  chunking: v.optional(v.fallback(v.optional(ChunkingSchema), undefined)),
  analyzer: v.optional(shortText),
  k1: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
  b: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1))),
  files: v.pipe(v.array(FileSchema), v.minLength(1), v.maxLength(MAX_FILES)),
});

export type PackFile = v.InferOutput<typeof FileSchema>;
export type PackManifest = v.InferOutput<typeof ManifestSchema> & { encoder: EncoderIdentity | null };

/** One file of the static host. */
export interface PackChunk {
  path: string;
  /** Of its first byte within the whole file. */
  offset: number;
  bytes: number;
  sha256: string;
}

export function chunksOf({ name, bytes, chunkBytes, chunks }: PackFile): PackChunk[] {
  return chunks.map((hash, i) => ({
    path: chunks.length === 1 ? name : `${name}.${String(i + 1).padStart(5, '0')}`,
    offset: i * chunkBytes,
    bytes: Math.min(chunkBytes, bytes - i * chunkBytes),
    sha256: hash,
  }));
}

export const packBytes = ({ files }: Pick<PackManifest, 'files'>): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

export function packFile({ files }: Pick<PackManifest, 'files'>, name: string): PackFile | undefined {
  return files.find((file) => file.name === name);
}

/**
 * What a pack must hold to be searched in the ways that it promises.
 * @throws AppError INTEGRITY
 */
export function requireSearchable(manifest: Pick<PackManifest, 'files' | 'encoder' | 'index'>): void {
  const { encoder, index = 'exact' } = manifest;
  const needed: string[] = [CORPUS_FILES.passages, CORPUS_FILES.bm25];
  if (encoder) needed.push(CORPUS_FILES.vectors);
  if (encoder && index === 'compact') needed.push(CORPUS_FILES.signs);
  if (encoder && index === 'hnsw') needed.push(CORPUS_FILES.graph);
  for (const name of needed) requirePackFile(manifest, name);
}

/** @throws AppError INTEGRITY where there is no such file */
export function requirePackFile(manifest: Pick<PackManifest, 'files'>, name: string): PackFile {
  const file = packFile(manifest, name);
  if (!file) throw refuse(`it names no ${name}`);
  return file;
}

const refuse = (what: string, cause?: unknown): AppError =>
  new AppError('INTEGRITY', `${PACK_MANIFEST} is not a sound manifest of an index: ${what}.`, {
    fix: 'Build the index again with `s3 index build`, or ask whoever serves it to.',
    ...(cause !== undefined && { cause }),
  });

/** The version that a manifest says it has; undefined where it is none at all. */
function versionOf(json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { format, version } = json as Partial<Record<'format' | 'version', unknown>>;
  return format === PACK_FORMAT && typeof version === 'number' ? version : undefined;
}

export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_MANIFEST_BYTES) throw refuse(`it has ${bytes.length} bytes`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse('it is not JSON', cause);
  }
}

/** @throws AppError INTEGRITY naming the field, UNSUPPORTED for a manifest of another version */
export function parsePackManifest(bytes: Uint8Array): PackManifest {
  const json = parseJson(bytes);
  const version = versionOf(json);
  if (version !== undefined && version !== PACK_VERSION) {
    throw new AppError('UNSUPPORTED', `This index has version ${version} of the format.`, {
      fix:
        version < PACK_VERSION
          ? 'Build it again with this version of `s3 index build`; it can be searched on the disk it lies on.'
          : 'Update this page or program.',
    });
  }
  const result = v.safeParse(ManifestSchema, json, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw refuse(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
  }
  requireConsistent(result.output);
  return result.output;
}

function requireConsistent({ files }: PackManifest): void {
  const seen = new Set<string>();
  for (const file of files) {
    const { name, bytes, chunkBytes, chunks } = file;
    if (chunks.length !== Math.max(1, Math.ceil(bytes / chunkBytes))) {
      throw refuse(`${name} has ${bytes} bytes, which do not make ${chunks.length} chunks of ${chunkBytes}`);
    }
    for (const { path } of chunksOf(file)) {
      if (seen.has(path)) throw refuse(`${path} stands there twice`);
      seen.add(path);
    }
  }
}

export interface PackFacts {
  name: string;
  createdAt: string;
  passages: number;
  encoder: EncoderIdentity | null;
  index?: VectorIndexKind | undefined;
  chunking?: Chunking | undefined;
}

/** As it is written: the order of the keys is for readers. */
export function manifestBytes(manifest: PackManifest): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** Lengths and hashes of a file of a pack. */
export async function describeFile(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  chunkBytes: number,
): Promise<PackFile> {
  const chunks: string[] = [];
  for (let at = 0; at < Math.max(1, bytes.length); at += chunkBytes) {
    chunks.push(await sha256Hex(bytes.subarray(at, at + chunkBytes)));
  }
  const [only = ''] = chunks;
  return {
    name,
    bytes: bytes.length,
    sha256: chunks.length === 1 ? only : await sha256Hex(bytes),
    chunkBytes,
    chunks,
  };
}
