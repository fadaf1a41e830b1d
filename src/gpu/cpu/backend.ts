/** The backend in plain TypeScript: the oracle of the kernel tests, and what runs where there is no WebGPU. */
import { AppError } from '../../protocol/errors';
import { Arena, elementCount } from '../arena';
import type { Backend, BackendDescription, Extent, Operation, ReadRequest, Tensor } from '../backend';
import { GROUP, GROUP_BYTES, type Blocks } from '../blocks';
import { blockRows, checkWrite } from '../checks';
import { checkTypedShape, isBlockType, rowScales, tensorBytes, type DType } from '../dtype';
import { buildOperations, CpuOperation } from './operations';
import { cpu, CpuTensor, floats } from './tensor';

class CpuExtent implements Extent {
  value = 0;
  oneSequence = false;
  constructor(readonly maximum: number) {}

  /** Nothing to free. */
  dispose(): void {}
}

/** How long the CPU may be held before the event loop gets a turn (and with it an abort). */
const HOLD_MS = 20;

function allocate(
  dtype: DType,
  count: number,
  shape: readonly number[],
): [Float32Array | Uint32Array | Uint16Array | Uint8Array, Uint16Array] {
  const none = new Uint16Array(0);
  if (dtype === 'f32') return [new Float32Array(count), none];
  if (dtype === 'u32') return [new Uint32Array(count), none];
  if (dtype === 'f16') return [new Uint16Array(count), none];
  const [rows = 1, columns = 1] = shape;
  const values = new Uint8Array((count / GROUP) * GROUP_BYTES[dtype]);
  return [values, new Uint16Array(rows * rowScales(dtype, columns))];
}

const description: BackendDescription = {
  kind: 'cpu',
  name: 'CPU (TypeScript)',
  vendor: '',
  architecture: '',
  software: true,
  f16: false,
  subgroups: false,
};

export class CpuBackend implements Backend {
  readonly description = description;
  readonly operations = buildOperations();
  readonly preferredRows = 48;
  readonly #arena = new Arena<CpuTensor>();
  #heldSince = performance.now();

  get liveBytes(): number {
    return this.#arena.liveBytes;
  }

  tensor(label: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    const count = elementCount(label, shape);
    checkTypedShape(label, dtype, shape);
    try {
      const [array, scales] = allocate(dtype, count, shape);
      return new CpuTensor(label, shape, dtype, array, scales, this.#arena);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const bytes = tensorBytes(dtype, shape);
      throw new AppError('OUT_OF_MEMORY', `There is no room for ${label} (${bytes} bytes).`, {
        fix: 'Close other tabs, or choose a smaller model or context.',
        cause,
      });
    }
  }

  extent(maximum: number): Extent {
    return new CpuExtent(maximum);
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array | Uint16Array, offset = 0): void {
    checkWrite(tensor, data, offset);
    cpu(tensor).array.set(data, offset);
  }

  writeBlocks(tensor: Tensor, blocks: Blocks, firstRow = 0): void {
    const { columns, rows } = blockRows(tensor, blocks, firstRow);
    const { array, scales, dtype } = cpu(tensor);
    if (!isBlockType(dtype)) return;
    const groups = columns / GROUP;
    array.set(blocks.values, firstRow * groups * GROUP_BYTES[dtype]);
    const stride = rowScales(dtype, columns);
    for (let row = 0; row < rows; row += 1) {
      scales.set(blocks.scales.subarray(row * groups, (row + 1) * groups), (firstRow + row) * stride);
    }
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  async run(operations: readonly Operation[], reads: readonly ReadRequest[] = []): Promise<Float32Array[]> {
    for (const operation of operations) {
      if (!(operation instanceof CpuOperation)) {
        throw new AppError('INTERNAL', `${operation.name} belongs to another backend.`);
      }
      operation.run();
      if (performance.now() - this.#heldSince > HOLD_MS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        this.#heldSince = performance.now();
      }
    }
    return reads.map(({ tensor, count }) => floats(tensor).slice(0, count));
  }

  dispose(): void {
    for (const tensor of this.#arena.items()) tensor.dispose();
  }
}
