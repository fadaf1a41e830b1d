/** Where the rows of each tensor go in the shards of a pack. Pure; the same input gives the same layout, on which resuming rests. */
import type { WeightType } from '../../protocol/model-import';
import { MAX_SHARD_BYTES, PIECE_ALIGNMENT, pieceBytes } from '../formats/pack-manifest';

export interface LaidTensor {
  name: string;
  type: WeightType;
  shape: readonly number[];
}

export interface ShardPiece<T extends LaidTensor = LaidTensor> {
  tensor: T;
  firstRow: number;
  rows: number;
  offset: number;
}

export interface ShardPlan<T extends LaidTensor = LaidTensor> {
  bytes: number;
  pieces: ShardPiece<T>[];
}

const SMALLEST_SHARD = 64 * 1024;
/** An import that is interrupted loses at most the shard at which it is: one of so many. */
const SHARDS = 32;

const align = (bytes: number): number => Math.ceil(bytes / PIECE_ALIGNMENT) * PIECE_ALIGNMENT;

function bytesOf({ type, shape }: LaidTensor, rows: number): number {
  const { values, scales } = pieceBytes(type, rows, shape[1] ?? 1);
  return values + scales;
}

/** A size for the shards of a pack of so many bytes. */
export const shardBytesFor = (packBytes: number): number =>
  align(Math.min(MAX_SHARD_BYTES, Math.max(SMALLEST_SHARD, packBytes / SHARDS)));

export const packBytesOf = (tensors: readonly LaidTensor[]): number =>
  tensors.reduce((sum, tensor) => sum + align(bytesOf(tensor, tensor.shape[0] ?? 1)), 0);

/** Fills shard after shard; a tensor that does not fit goes on in the next one. */
export function layOut<T extends LaidTensor>(tensors: readonly T[], shardBytes: number): ShardPlan<T>[] {
  const shards: ShardPlan<T>[] = [];
  let shard: ShardPlan<T> = { bytes: 0, pieces: [] };
  const close = (): void => {
    if (shard.pieces.length > 0) shards.push(shard);
    shard = { bytes: 0, pieces: [] };
  };
  for (const tensor of tensors) {
    const rows = tensor.shape[0] ?? 1;
    const perRow = bytesOf(tensor, 1);
    for (let firstRow = 0; firstRow < rows;) {
      const offset = align(shard.bytes);
      const fitting = Math.min(rows - firstRow, Math.floor((shardBytes - offset) / perRow));
      if (fitting < 1 && shard.pieces.length > 0) {
        close();
        continue;
      }
      // A single row longer than a shard has a shard of its own.
      const count = Math.max(1, fitting);
      shard.pieces.push({ tensor, firstRow, rows: count, offset });
      shard.bytes = offset + bytesOf(tensor, count);
      firstRow += count;
    }
  }
  close();
  return shards;
}
