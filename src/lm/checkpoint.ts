/** A checkpoint, whatever file it lies in: tensors by their Hugging Face names, read some rows at a time. */
import type { Blocks, BlockType } from '../gpu/blocks';

export type StoredRows =
  { kind: 'floats'; values: Float32Array } | { kind: 'blocks'; type: BlockType; blocks: Blocks };

/** F32, F16 and BF16 of safetensors and GGUF; GGUF's blocks; our pack's types. */
export type StoredFormat =
  'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_0' | 'Q4_K' | 'Q6_K' | 'f32' | 'f16' | 'q8' | 'q4';

export interface StoredTensor {
  readonly name: string;
  /** A vector `[n]` counts as n rows of one element. */
  readonly shape: readonly number[];
  readonly format: StoredFormat;
  /** As stored. */
  readonly bytes: number;
  /**
   * `count` rows from `first` on; blocks where they are stored as blocks of our types, else floats.
   * @throws AppError INTEGRITY, ABORTED, and where it is read over a network what `ModelSource.list` throws
   */
  readRows(first: number, count: number, signal?: AbortSignal): Promise<StoredRows>;
}

export interface Checkpoint {
  /** In the order in which reading them is cheapest. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}
