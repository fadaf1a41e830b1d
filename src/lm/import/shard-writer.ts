/** Fills the shards of a pack: rows are read piece by piece, brought into their type and put where the layout says. */
import { dequantise, GROUP, quantise, type Blocks, type BlockType } from '../../gpu/blocks';
import { throwIfAborted } from '../../protocol/errors';
import { floatsOf, rowLength, type StoredRows } from '../checkpoint';
import { pieceBytes } from '../formats/pack-manifest';
import { halvesOf } from '../weights';
import type { PlannedTensor } from './import-plan';
import type { ShardPiece, ShardPlan } from './pack-layout';

/** Largest piece of the source in memory, counted as f32. */
const PIECE_BYTES = 8 * 1024 * 1024;
/** Of every piece, the error of so many values is measured. */
const SAMPLE = 64 * GROUP;

/** Sums of squares over the values that were measured. */
export interface QuantisationError {
  difference: number;
  reference: number;
}

export interface FillOptions {
  error: QuantisationError;
  /** Source bytes that have just been dealt with. */
  onRows(bytes: number, tensor: string): void;
  signal: AbortSignal | undefined;
}

/** Fills `buffer` with a shard. @throws AppError what reading throws, BAD_INPUT for values that the type cannot hold */
export async function fillShard(
  shard: ShardPlan<PlannedTensor>,
  buffer: Uint8Array<ArrayBuffer>,
  options: FillOptions,
): Promise<void> {
  // Gaps between pieces must be the same in every run.
  buffer.fill(0, 0, shard.bytes);
  for (const piece of shard.pieces) {
    const { stored, shape } = piece.tensor;
    const allRows = shape[0] ?? 1;
    const atOnce = Math.max(1, Math.floor(PIECE_BYTES / 4 / rowLength(shape)));
    for (let row = 0; row < piece.rows; row += atOnce) {
      throwIfAborted(options.signal);
      const count = Math.min(atOnce, piece.rows - row);
      const rows = await stored.readRows(piece.firstRow + row, count, options.signal);
      put(buffer, piece, row, rows, options.error);
      const before = piece.firstRow + row;
      const bytesTo = (end: number): number => Math.round((stored.bytes * end) / allRows);
      options.onRows(bytesTo(before + count) - bytesTo(before), stored.name);
    }
  }
}

/** Puts rows `row …` of a piece into the shard. */
function put(
  buffer: Uint8Array<ArrayBuffer>,
  { tensor, offset, rows: all }: ShardPiece<PlannedTensor>,
  row: number,
  rows: StoredRows,
  error: QuantisationError,
): void {
  const { type, shape, stored } = tensor;
  const perRow = pieceBytes(type, 1, shape[1] ?? 1);
  const at = offset + row * perRow.values;
  if (type === 'f32') {
    buffer.set(bytesOf(floatsOf(rows)), at);
  } else if (type === 'f16') {
    buffer.set(bytesOf(rows.kind === 'halves' ? rows.values : halvesOf(stored, rows)), at);
  } else {
    const same = rows.kind === 'blocks' && rows.type === type;
    const { values, scales } = same ? rows.blocks : quantiseMeasured(type, floatsOf(rows), error);
    buffer.set(values, at);
    buffer.set(bytesOf(scales), offset + all * perRow.values + row * perRow.scales);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function quantiseMeasured(type: BlockType, floats: Float32Array, error: QuantisationError): Blocks {
  const blocks = quantise(type, floats);
  const count = Math.min(SAMPLE, floats.length);
  const values = blocks.values.subarray(0, (blocks.values.length / floats.length) * count);
  const back = dequantise(type, { values, scales: blocks.scales.subarray(0, count / GROUP) });
  for (let i = 0; i < count; i += 1) {
    error.difference += (back[i]! - floats[i]!) ** 2;
    error.reference += floats[i]! ** 2;
  }
  return blocks;
}
