/** Reads a pack. A shard is fetched whole, hashed, and kept until another one is asked for; its bytes go to the device as they lie. */
import { GROUP } from '../../gpu/blocks';
import { AppError } from '../../protocol/errors';
import { readWhole, type ByteSource } from '../byte-source';
import type { Checkpoint, StoredRows, StoredTensor } from '../checkpoint';
import { pieceBytes, type PackFile, type PackManifest, type PackTensor } from './pack-manifest';

/** Lower-case hexadecimal. */
export type Sha256 = (bytes: Uint8Array<ArrayBuffer>) => Promise<string>;

export type OpenFile = (path: string, signal?: AbortSignal) => Promise<ByteSource>;

/**
 * A whole file of a pack.
 * @throws AppError INTEGRITY where length or hash are not the manifest's, and what `open` throws
 */
export async function readPackFile(
  { path, bytes, sha256 }: PackFile,
  open: OpenFile,
  hash: Sha256,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const source = await open(path, signal);
  const fix = 'The file is damaged: delete the model and import it again.';
  if (source.size !== bytes) {
    throw new AppError('INTEGRITY', `${path} has ${source.size} bytes, and pack.json says ${bytes}.`, {
      fix,
    });
  }
  const content = await readWhole(source, signal);
  const actual = await hash(content);
  if (actual === sha256) return content;
  throw new AppError('INTEGRITY', `${path} is not the file that pack.json describes.`, {
    fix,
    context: { file: path, expected: sha256, actual },
  });
}

/** The tensors of a pack, in the order in which they lie in its shards. */
export function packCheckpoint(manifest: PackManifest, open: OpenFile, hash: Sha256): Checkpoint {
  let current: { shard: number; bytes: Promise<Uint8Array> } | undefined;
  const shardBytes: ShardBytes = async (shard, signal) => {
    const file = manifest.shards[shard];
    if (!file) throw new AppError('INTERNAL', `The pack has no shard ${shard}.`);
    if (current?.shard !== shard) {
      // The one before is let go first, so that two are never held.
      current = undefined;
      current = { shard, bytes: readPackFile(file, open, hash, signal) };
    }
    try {
      return await current.bytes;
    } catch (error) {
      current = undefined;
      throw error;
    }
  };
  const tensors = manifest.tensors.map((tensor) => storedTensor(tensor, shardBytes));
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

type ShardBytes = (shard: number, signal?: AbortSignal) => Promise<Uint8Array>;

function storedTensor({ name, type, shape, pieces }: PackTensor, shardBytes: ShardBytes): StoredTensor {
  const columns = shape[1] ?? 1;
  const { values, scales } = pieceBytes(type, shape[0] ?? 1, columns);
  return {
    ...{ name, shape },
    format: type,
    bytes: values + scales,
    async readRows(first, count, signal) {
      const parts: StoredRows[] = [];
      let pieceStart = 0;
      for (const piece of pieces) {
        const from = Math.max(first, pieceStart);
        const to = Math.min(first + count, pieceStart + piece.rows);
        if (from < to) {
          const bytes = await shardBytes(piece.shard, signal);
          const rows = { from: from - pieceStart, count: to - from, all: piece.rows };
          const part = sliceRows(type, bytes.subarray(piece.offset), rows, columns);
          // A part of a shard that is about to be let go must not be a view of it.
          parts.push(to < first + count ? copyOf(part) : part);
        }
        pieceStart += piece.rows;
      }
      return joinRows(parts);
    },
  };
}

/** Rows of one piece, as views. */
function sliceRows(
  type: PackTensor['type'],
  piece: Uint8Array,
  { from, count, all }: { from: number; count: number; all: number },
  columns: number,
): StoredRows {
  const at = piece.byteOffset;
  if (type === 'f32') {
    return {
      kind: 'floats',
      values: new Float32Array(piece.buffer, at + from * columns * 4, count * columns),
    };
  }
  if (type === 'f16') {
    return {
      kind: 'halves',
      values: new Uint16Array(piece.buffer, at + from * columns * 2, count * columns),
    };
  }
  const row = pieceBytes(type, 1, columns);
  const values = piece.subarray(from * row.values, (from + count) * row.values);
  const groups = columns / GROUP;
  const scales = new Uint16Array(piece.buffer, at + all * row.values + from * row.scales, count * groups);
  return { kind: 'blocks', type, blocks: { values, scales } };
}

function copyOf(rows: StoredRows): StoredRows {
  if (rows.kind === 'floats') return { ...rows, values: rows.values.slice() };
  if (rows.kind === 'halves') return { ...rows, values: rows.values.slice() };
  const { values, scales } = rows.blocks;
  return { ...rows, blocks: { values: values.slice(), scales: scales.slice() } };
}

function joinRows(parts: StoredRows[]): StoredRows {
  const [first] = parts;
  if (!first) throw new AppError('INTERNAL', 'No rows were asked for.');
  if (parts.length === 1) return first;
  switch (first.kind) {
    case 'floats':
      return { kind: 'floats', values: new Float32Array(concat(parts.map((part) => valuesOf(part)))) };
    case 'halves':
      return { kind: 'halves', values: new Uint16Array(concat(parts.map((part) => valuesOf(part)))) };
    case 'blocks': {
      const blocks = parts.flatMap((part) => (part.kind === 'blocks' ? [part.blocks] : []));
      const values = new Uint8Array(concat(blocks.map((block) => block.values)));
      const scales = new Uint16Array(concat(blocks.map((block) => block.scales)));
      return { kind: 'blocks', type: first.type, blocks: { values, scales } };
    }
    default:
      return first satisfies never;
  }
}

const valuesOf = (rows: StoredRows): ArrayBufferView =>
  rows.kind === 'blocks' ? rows.blocks.values : rows.values;

function concat(views: ArrayBufferView[]): ArrayBuffer {
  const joined = new Uint8Array(views.reduce((sum, view) => sum + view.byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of views) {
    joined.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return joined.buffer;
}
