/** The backend on the CPU: what runs where there is no WebGPU, and, in plain TypeScript, the oracle of the kernel tests. */
import { AppError } from '../../protocol/errors';
import { Arena, elementCount } from '../arena';
import type {
  Backend,
  BackendDescription,
  Extent,
  Operation,
  Operations,
  ReadRequest,
  Tensor,
} from '../backend';
import { GROUP, GROUP_BYTES, type Blocks } from '../blocks';
import { blockRows, checkWrite } from '../checks';
import { checkTypedShape, isBlockType, rowScales, tensorBytes, type DType } from '../dtype';
import type { Kernels } from './kernels';
import { plainMemory, type Memory, type View } from './memory';
import { buildOperations, CpuOperation } from './operations';
import { plainKernels } from './plain-kernels';
import { cpu, CpuTensor, floats } from './tensor';
import { turn } from './turn';
import { wasmKernels } from './wasm/kernels';

class CpuExtent implements Extent {
  value = 0;
  oneSequence = false;
  keys = 0;
  constructor(readonly maximum: number) {}

  /** Nothing to free. */
  dispose(): void {}
}

/** How long the CPU may be held before the event loop gets a turn (and with it an abort). */
const HOLD_MS = 20;

function allocate(
  memory: Memory,
  dtype: DType,
  count: number,
  shape: readonly number[],
): [View, View<Uint16Array>] {
  const none = plainMemory.allocate(Uint16Array, 0);
  if (dtype === 'f32') return [memory.allocate(Float32Array, count), none];
  if (dtype === 'u32') return [memory.allocate(Uint32Array, count), none];
  if (dtype === 'f16') return [memory.allocate(Uint16Array, count), none];
  const [rows = 1, columns = 1] = shape;
  const values = memory.allocate(Uint8Array, (count / GROUP) * GROUP_BYTES[dtype]);
  return [values, memory.allocate(Uint16Array, rows * rowScales(dtype, columns))];
}

export interface CpuOptions {
  /** `plain` is TypeScript alone: what runs where WebAssembly has no vectors, and the oracle of the tests. */
  kernels?: 'plain';
}

export class CpuBackend implements Backend {
  readonly kernels: Kernels;
  readonly description: BackendDescription;
  readonly operations: Operations;
  readonly preferredRows = 48;
  readonly #arena = new Arena<CpuTensor>();
  #heldSince = performance.now();

  constructor({ kernels }: CpuOptions = {}) {
    this.kernels = kernels === 'plain' ? plainKernels : (wasmKernels() ?? plainKernels);
    this.description = {
      ...{ kind: 'cpu', name: `CPU (${this.kernels.name})`, vendor: '', architecture: '' },
      ...{ software: true, f16: false, subgroups: false },
    };
    this.operations = buildOperations(this.kernels);
  }

  get liveBytes(): number {
    return this.#arena.liveBytes;
  }

  tensor(label: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    const count = elementCount(label, shape);
    checkTypedShape(label, dtype, shape);
    try {
      const [values, scales] = allocate(this.kernels.memory, dtype, count, shape);
      return new CpuTensor(label, shape, dtype, values, scales, this.#arena);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const bytes = tensorBytes(dtype, shape);
      throw new AppError('OUT_OF_MEMORY', `There is no room for ${label} (${bytes} bytes).`, {
        fix: 'Close other tabs, or choose a smaller model or context: the CPU has room for 4 GB at most.',
        cause,
      });
    }
  }

  extent(maximum: number): Extent {
    return new CpuExtent(maximum);
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array | Uint16Array, offset = 0): void {
    checkWrite(tensor, data, offset);
    cpu(tensor).values.array.set(data, offset);
  }

  writeBlocks(tensor: Tensor, blocks: Blocks, firstRow = 0): void {
    const { columns, rows } = blockRows(tensor, blocks, firstRow);
    const { values, scales, dtype } = cpu(tensor);
    if (!isBlockType(dtype)) return;
    const groups = columns / GROUP;
    values.array.set(blocks.values, firstRow * groups * GROUP_BYTES[dtype]);
    const stride = rowScales(dtype, columns);
    for (let row = 0; row < rows; row += 1) {
      scales.array.set(blocks.scales.subarray(row * groups, (row + 1) * groups), (firstRow + row) * stride);
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
        await turn();
        this.#heldSince = performance.now();
      }
    }
    return reads.map(({ tensor, count }) => floats(tensor).array.slice(0, count));
  }

  dispose(): void {
    for (const tensor of this.#arena.items()) tensor.dispose();
  }
}
