/** A checkpoint, whatever file it lies in: tensors by their Hugging Face names, read some rows at a time. */
import { dequantise, type Blocks, type BlockType } from '../gpu/blocks';
import { halfValues } from '../gpu/half';
import { AppError } from '../protocol/errors';

/** Whole rows. Valid until the tensor's checkpoint is read again: they may lie in a buffer that is used once more. */
export type StoredRows =
  | { kind: 'floats'; values: Float32Array }
  /** f16 bits. */
  | { kind: 'halves'; values: Uint16Array }
  | { kind: 'blocks'; type: BlockType; blocks: Blocks };

/** Formats that can be read: F32, F16 and BF16 of safetensors and GGUF; GGUF's blocks; our pack's types. */
const FORMATS = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_K', 'Q6_K', 'f32', 'f16', 'q8', 'q4'] as const;
export type StoredFormat = (typeof FORMATS)[number];

export const isStoredFormat = (format: string): format is StoredFormat =>
  FORMATS.some((known) => known === format);

export interface StoredTensor {
  readonly name: string;
  /** A vector `[n]` counts as n rows of one element. */
  readonly shape: readonly number[];
  /** A `StoredFormat`, or the name of one that cannot be read; `readRows` then throws UNSUPPORTED. */
  readonly format: string;
  /** As stored. */
  readonly bytes: number;
  /**
   * `count` rows from `first` on: blocks where they are stored as blocks of our types, halves where as F16, else floats.
   * @throws AppError INTEGRITY, ABORTED, and where it is read over a network what `ModelSource.list` throws
   */
  readRows(first: number, count: number, signal?: AbortSignal): Promise<StoredRows>;
}

export interface Checkpoint {
  /** In the order in which reading them is cheapest. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The values as f32, which is exact. */
export function floatsOf(rows: StoredRows): Float32Array {
  switch (rows.kind) {
    case 'floats':
      return rows.values;
    case 'halves': {
      const table = halfValues();
      return Float32Array.from(rows.values, (half) => table[half]!);
    }
    case 'blocks':
      return dequantise(rows.type, rows.blocks);
    default:
      return rows satisfies never;
  }
}

/** Elements of a row: a vector's rows have one. */
export const rowLength = (shape: readonly number[]): number =>
  shape.slice(1).reduce((product, size) => product * size, 1);

/** @throws AppError UNSUPPORTED, with the tensor and its format by name */
export function refuseFormat({ name, format }: Pick<StoredTensor, 'name' | 'format'>): never {
  throw new AppError('UNSUPPORTED', `${name} is stored as ${format.slice(0, 40)}, which cannot be read.`, {
    fix: 'Choose safetensors in F32, F16 or BF16, or a GGUF file in F32, F16, BF16, Q8_0, Q4_0, Q4_K or Q6_K.',
  });
}
