/**
 * The manifest of a pack, `pack.json`: what the model is and where each tensor's rows lie. Weights lie in shards as the backend takes
 * them: a piece is some rows of one tensor, all their values and then all their scales (see `Blocks`), or plain f32 or f16.
 */
import * as v from 'valibot';
import { GROUP, GROUP_BYTES } from '../../gpu/blocks';
import { AppError } from '../../protocol/errors';
import type { WeightType } from '../../protocol/model-import';

export const PACK_FILE = 'pack.json';
/** No shard is longer: it is held in memory whole, to be hashed. */
export const MAX_SHARD_BYTES = 64 * 1024 * 1024;
/** Other files, such as a tokenizer's. */
const MAX_FILE_BYTES = MAX_SHARD_BYTES;
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
/** Pieces begin at multiples of this. */
export const PIECE_ALIGNMENT = 16;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 32));
const shortText = v.pipe(v.string(), v.maxLength(1000));
/** As `RegistryFileSchema`'s: neither absolute nor upwards. */
const path = v.pipe(
  v.string(),
  v.maxLength(300),
  v.regex(/^(?!.*\.\.)[\w-][\w.-]*(\/[\w-][\w.-]*)*$/, 'not a plain relative path'),
  v.check((name) => name !== PACK_FILE, 'the manifest cannot name itself'),
);
const weightType = v.picklist(['f32', 'f16', 'q8', 'q4']);

const FileSchema = v.object({
  path,
  bytes: v.pipe(count, v.maxValue(MAX_FILE_BYTES)),
  /** Lower-case hexadecimal. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'not a SHA-256')),
});

const PieceSchema = v.object({
  /** Index into `shards`. */
  shard: count,
  offset: count,
  /** The pieces of a tensor follow one another: its first rows are those of the first piece. */
  rows: size,
});

const TensorSchema = v.object({
  name: shortText,
  type: weightType,
  shape: v.pipe(v.array(size), v.minLength(1), v.maxLength(2)),
  pieces: v.pipe(v.array(PieceSchema), v.nonEmpty()),
});

const ManifestSchema = v.object({
  format: v.literal('s3-pack'),
  version: v.literal(1),
  /** `hf:owner/name`, a folder's or a file's name. */
  name: shortText,
  revision: v.optional(shortText),
  licence: v.optional(shortText),
  /** What the weights were made from; for people. */
  source: v.optional(
    v.object({
      container: v.picklist(['safetensors', 'gguf', 'pack']),
      files: v.array(
        v.object({
          path: shortText,
          bytes: count,
          version: v.optional(shortText),
          sha256: v.optional(shortText),
        }),
      ),
    }),
  ),
  /** Of the matrices; the table of tensors says it of each. */
  weights: v.union([weightType, v.literal('as stored')]),
  parameters: count,
  /** Hugging Face's `config.json` and `generation_config.json`. */
  config: v.record(v.string(), v.unknown()),
  generationConfig: v.optional(v.record(v.string(), v.unknown())),
  chatTemplate: v.optional(v.string()),
  shards: v.array(FileSchema),
  /** `tokenizer.json`, `tokenizer_config.json` and whatever else came with the model. */
  files: v.array(FileSchema),
  tensors: v.array(TensorSchema),
});

export type PackManifest = v.InferOutput<typeof ManifestSchema>;
export type PackFile = v.InferOutput<typeof FileSchema>;
export type PackTensor = v.InferOutput<typeof TensorSchema>;

/** Bytes of `rows` rows of `columns` values: of the values, and of the scales that follow them. */
export function pieceBytes(
  type: WeightType,
  rows: number,
  columns: number,
): { values: number; scales: number } {
  if (type === 'f32' || type === 'f16')
    return { values: rows * columns * (type === 'f32' ? 4 : 2), scales: 0 };
  const groups = (rows * columns) / GROUP;
  return { values: groups * GROUP_BYTES[type], scales: 2 * groups };
}

function refuse(what: string): never {
  throw new AppError('INTEGRITY', `pack.json is not a sound manifest: ${what}.`, {
    fix: 'Import the model again.',
  });
}

/** @throws AppError INTEGRITY naming the field, UNSUPPORTED for a pack of a later version */
export function parseManifest(bytes: Uint8Array): PackManifest {
  if (bytes.length > MAX_MANIFEST_BYTES) refuse(`it has ${bytes.length} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return refuse('it is not JSON');
  }
  refuseLaterVersion(json);
  const result = v.safeParse(ManifestSchema, json, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    return refuse(`${v.getDotPath(issue) ?? 'document'}: ${issue.message.slice(0, 200)}`);
  }
  checkFiles(result.output);
  checkTensors(result.output);
  return result.output;
}

function refuseLaterVersion(json: unknown): void {
  if (typeof json !== 'object' || json === null || !('format' in json) || !('version' in json)) return;
  const { format, version } = json;
  if (format !== 's3-pack' || typeof version !== 'number' || version <= 1) return;
  throw new AppError('UNSUPPORTED', `The pack has version ${version}; version 1 can be read.`, {
    fix: 'Update s3-web, or import the model again.',
  });
}

function checkFiles({ shards, files }: PackManifest): void {
  const seen = new Set<string>();
  for (const { path: name } of [...shards, ...files]) {
    if (seen.has(name.toLowerCase())) refuse(`${name} is named twice`);
    seen.add(name.toLowerCase());
  }
}

/** Every piece lies in its shard, none overlaps another, and the pieces of a tensor are all its rows. */
function checkTensors({ shards, tensors }: PackManifest): void {
  const names = new Set<string>();
  const spans: { shard: number; from: number; to: number; name: string }[] = [];
  for (const { name, type, shape, pieces } of tensors) {
    if (names.has(name)) refuse(`${name} is there twice`);
    names.add(name);
    const [rows = 1, columns = 1] = shape;
    if ((type === 'q8' || type === 'q4') && (shape.length !== 2 || columns % GROUP !== 0)) {
      refuse(`${name} cannot be ${type} with the shape [${shape.join(', ')}]`);
    }
    let sum = 0;
    for (const piece of pieces) {
      const { values, scales } = pieceBytes(type, piece.rows, columns);
      const to = piece.offset + values + scales;
      const shard = shards[piece.shard];
      if (!shard || to > shard.bytes || piece.offset % PIECE_ALIGNMENT !== 0) {
        refuse(`a piece of ${name} does not lie in its shard`);
      }
      spans.push({ shard: piece.shard, from: piece.offset, to, name });
      sum += piece.rows;
    }
    if (sum !== rows) refuse(`${name} has ${rows} rows, its pieces ${sum}`);
  }
  spans.sort((a, b) => a.shard - b.shard || a.from - b.from);
  spans.forEach(({ shard, from, name }, i) => {
    const before = spans[i - 1];
    if (before?.shard === shard && before.to > from) refuse(`${name} overlaps ${before.name}`);
  });
}
