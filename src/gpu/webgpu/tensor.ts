import { AppError } from '../../protocol/errors';
import type { DType, Tensor } from '../backend';
import { tensorBytes } from '../dtype';

/** A run of a tensor's rows in one buffer, small enough to be bound. */
export interface Shard {
  buffer: GPUBuffer;
  /** Of q8 and q4: the rows' scales, two to a word; an even number of them a row. */
  scales: GPUBuffer | undefined;
  firstRow: number;
  rows: number;
}

export class GpuTensor implements Tensor {
  readonly bytes: number;

  constructor(
    readonly label: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    /** Elements per row of the first dimension. */
    readonly rowLength: number,
    readonly shards: readonly Shard[],
    readonly release: (tensor: GpuTensor) => void,
  ) {
    this.bytes = tensorBytes(dtype, shape);
  }

  /** The one buffer of a tensor that kernels read whole. */
  get buffer(): GPUBuffer {
    const [shard] = this.shards;
    if (!shard || this.shards.length > 1) {
      throw new AppError(
        'UNSUPPORTED',
        `${this.label} (${this.bytes} bytes) is too large for this adapter.`,
        {
          fix:
            this.shape.length === 3 && shard
              ? `Choose at most ${shard.rows} of ${this.shape[0] ?? 1} sequences at a time, or a shorter context.`
              : 'Choose a smaller model or a shorter context.',
        },
      );
    }
    return shard.buffer;
  }

  dispose(): void {
    this.release(this);
  }
}

export function gpuTensor(tensor: Tensor): GpuTensor {
  if (!(tensor instanceof GpuTensor)) {
    throw new AppError('INTERNAL', `${tensor.label} belongs to another backend.`);
  }
  return tensor;
}

/** Cuts `rows` rows of `rowBytes` into stretches of at most `limit` bytes; of a cache, a row is a sequence of so many `positions`. */
export function shardRows(
  label: string,
  rows: number,
  rowBytes: number,
  limit: number,
  positions?: number,
): { firstRow: number; rows: number }[] {
  const most = Math.floor(limit / rowBytes);
  // Whole quads of rows where there is a choice, so that results can be stored four at a time.
  const perShard = most > 4 && most < rows ? most - (most % 4) : most;
  if (perShard < 1) {
    const message =
      positions === undefined
        ? `One row of ${label} (${rowBytes} bytes) is too large for this adapter.`
        : `The ${label} of one sequence take ${rowBytes} bytes; this adapter reads at most ${limit} at once.`;
    const fits = Math.floor((limit * (positions ?? 0)) / rowBytes);
    throw new AppError('UNSUPPORTED', message, {
      fix:
        fits > 0
          ? `Choose a context of at most ${fits} tokens.`
          : 'Choose a shorter context or a smaller model.',
    });
  }
  const shards = [];
  for (let firstRow = 0; firstRow < rows; firstRow += perShard) {
    shards.push({ firstRow, rows: Math.min(perShard, rows - firstRow) });
  }
  return shards;
}
