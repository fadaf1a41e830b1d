/** The backend in plain TypeScript: the oracle of the kernel tests, and what runs where there is no WebGPU. */
import { AppError } from '../../protocol/errors';
import { Arena, elementCount } from '../arena';
import type {
  Backend,
  BackendDescription,
  DType,
  Extent,
  KeyValueTensors,
  Operation,
  Operations,
  ReadRequest,
  RmsNorm,
  Tensor,
} from '../backend';
import {
  checkAttention,
  checkEmbed,
  checkGatedLinear,
  checkLinear,
  checkRotate,
  checkRowStatistics,
  checkSelectRows,
  matrixShape,
} from '../checks';
import { Attention, rotateAndCache, type CacheArrays } from './attention';
import { embed, rmsNorm, rowStatistics, selectRows, swiGlu } from './elementwise';
import { linearProduct } from './linear';

class CpuTensor implements Tensor {
  readonly bytes: number;
  readonly #arena: Arena<CpuTensor>;

  constructor(
    readonly label: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly array: Float32Array | Uint32Array,
    arena: Arena<CpuTensor>,
  ) {
    this.bytes = array.byteLength;
    this.#arena = arena;
    arena.add(this);
  }

  dispose(): void {
    this.#arena.release(this);
  }
}

class CpuOperation implements Operation {
  constructor(
    readonly name: string,
    readonly run: () => void,
  ) {}
}

class CpuExtent implements Extent {
  value = 0;
  oneSequence = false;
  constructor(readonly maximum: number) {}

  /** Nothing to free. */
  dispose(): void {}
}

/** How long the CPU may be held before the event loop gets a turn (and with it an abort). */
const HOLD_MS = 20;

function cpu(tensor: Tensor): CpuTensor {
  if (!(tensor instanceof CpuTensor)) {
    throw new AppError('INTERNAL', `${tensor.label} belongs to another backend.`);
  }
  return tensor;
}

function floats(tensor: Tensor): Float32Array {
  const { array, label } = cpu(tensor);
  if (!(array instanceof Float32Array)) throw new AppError('INTERNAL', `${label} must be f32.`);
  return array;
}

function integers(tensor: Tensor): Uint32Array {
  const { array, label } = cpu(tensor);
  if (!(array instanceof Uint32Array)) throw new AppError('INTERNAL', `${label} must be u32.`);
  return array;
}

const cacheArrays = (cache: KeyValueTensors): CacheArrays => ({
  keys: floats(cache.keys),
  values: floats(cache.values),
  capacity: cache.capacity,
});

/** Scratch arrays grow to the largest step and are shared by all operations of the backend, which run one at a time. */
class Scratch {
  #array = new Float32Array(0);

  take(length: number): Float32Array {
    if (this.#array.length < length) this.#array = new Float32Array(length);
    return this.#array;
  }
}

function buildOperations(): Operations {
  const normed = new Scratch();
  const both = new Scratch();
  const prepare = (
    input: Float32Array,
    norm: RmsNorm | undefined,
    rows: number,
    width: number,
  ): Float32Array => {
    if (!norm) return input;
    const out = normed.take(rows * width);
    rmsNorm(input, floats(norm.weight), out, rows, width, norm.epsilon);
    return out;
  };

  return {
    embed(a) {
      checkEmbed(a);
      const { columns } = matrixShape(a.table);
      const [table, rowTable, output] = [floats(a.table), integers(a.rowTable), floats(a.output)];
      return new CpuOperation('embed', () => embed(table, rowTable, output, a.rows.value, columns));
    },
    linear(a) {
      const { inputs, outputs } = checkLinear(a);
      const [input, weight, output] = [floats(a.input), floats(a.weight), floats(a.output)];
      const bias = a.bias && floats(a.bias);
      const accumulate = a.accumulate ?? false;
      return new CpuOperation('linear', () => {
        const rows = a.rows.value;
        const x = prepare(input, a.norm, rows, inputs);
        linearProduct({ input: x, weight, bias, output, rows, inputs, outputs, accumulate });
      });
    },
    gatedLinear(a) {
      const { inputs, outputs } = checkGatedLinear(a);
      const [input, weight, output] = [floats(a.input), floats(a.weight), floats(a.output)];
      return new CpuOperation('gatedLinear', () => {
        const rows = a.rows.value;
        const x = prepare(input, a.norm, rows, inputs);
        const product = both.take(rows * outputs * 2);
        linearProduct({
          ...{ input: x, weight, bias: undefined, output: product },
          ...{ rows, inputs, outputs: outputs * 2, accumulate: false },
        });
        swiGlu(product, output, rows, outputs);
      });
    },
    rotateAndCache(a) {
      checkRotate(a);
      const [projections, angles, rowTable] = [floats(a.projections), floats(a.angles), integers(a.rowTable)];
      const cache = cacheArrays(a.cache);
      return new CpuOperation('rotateAndCache', () =>
        rotateAndCache(projections, angles, rowTable, cache, a.heads, a.rows.value),
      );
    },
    attention(a) {
      checkAttention(a);
      const [projections, rowTable, output] = [floats(a.projections), integers(a.rowTable), floats(a.output)];
      const cache = cacheArrays(a.cache);
      const attention = new Attention(a.heads, a.cache.capacity);
      return new CpuOperation('attention', () =>
        attention.run(projections, rowTable, cache, output, a.rows.value),
      );
    },
    selectRows(a) {
      checkSelectRows(a);
      const { columns } = matrixShape(a.input);
      const [input, indices, output] = [floats(a.input), integers(a.indices), floats(a.output)];
      return new CpuOperation('selectRows', () => selectRows(input, indices, output, a.rows.value, columns));
    },
    rowStatistics(a) {
      checkRowStatistics(a);
      const { columns } = matrixShape(a.input);
      const [input, targets, output] = [floats(a.input), integers(a.targets), floats(a.output)];
      return new CpuOperation('rowStatistics', () =>
        rowStatistics(input, targets, output, a.rows.value, columns),
      );
    },
  };
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
    try {
      const array = dtype === 'u32' ? new Uint32Array(count) : new Float32Array(count);
      return new CpuTensor(label, shape, dtype, array, this.#arena);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new AppError('OUT_OF_MEMORY', `There is no room for ${label} (${count * 4} bytes).`, {
        fix: 'Close other tabs, or choose a smaller model or context.',
        cause,
      });
    }
  }

  extent(maximum: number): Extent {
    return new CpuExtent(maximum);
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array, offset = 0): void {
    cpu(tensor).array.set(data, offset);
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
