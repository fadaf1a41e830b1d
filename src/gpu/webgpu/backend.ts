/** The backend on WebGPU. It works within the default limits and without optional features. */
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
import { checkTypedShape, isBlockType, rowBytes, rowScales, type DType } from '../dtype';
import { GpuOperation, type OperationContext } from './dispatch';
import { buildOperations } from './operations';
import { Pipelines } from './pipelines';
import { tuningFor, type Tuning } from './tuning';
import { GpuTensor, gpuTensor, shardRows } from './tensor';

// The flags of the specification; Node has no such globals.
const STORAGE = 0x80;
const UNIFORM = 0x40;
const COPY_SRC = 0x04;
const COPY_DST = 0x08;
const MAP_READ = 0x01;

const EXTENT_BYTES = 16;
/** Mapped ranges begin at multiples of 8 bytes. */
const stagingBytes = (floats: number): number => 8 * Math.ceil(floats / 2);
/** Submissions without a read-back that may be under way: enough to keep the GPU busy, few enough to stop soon. */
const MAX_IN_FLIGHT = 2;

class GpuExtent implements Extent {
  readonly bytes = EXTENT_BYTES;
  oneSequence = false;
  keys = 0;
  #value = 0;
  dirty = true;

  constructor(
    readonly maximum: number,
    readonly buffer: GPUBuffer,
    readonly release: (extent: GpuExtent) => void,
  ) {}

  get value(): number {
    return this.#value;
  }

  set value(value: number) {
    if (value > this.maximum) throw new AppError('INTERNAL', `${value} rows exceed ${this.maximum}.`);
    this.dirty ||= value !== this.#value;
    this.#value = value;
  }

  dispose(): void {
    this.release(this);
  }
}

function gpuExtent(extent: Extent): GpuExtent {
  if (!(extent instanceof GpuExtent)) throw new AppError('INTERNAL', 'An extent of another backend.');
  return extent;
}

export interface WebGpuBackendOptions {
  description: BackendDescription;
  /** Smaller than the device's limit in tests of sharding. */
  maxBindingBytes?: number;
  /** Other than the adapter's own in tests of the kernels. */
  tuning?: Tuning;
}

export class WebGpuBackend implements Backend {
  readonly description: BackendDescription;
  readonly operations: Operations;
  /** What further operations on this backend's tensors are built with. */
  readonly context: OperationContext;
  readonly preferredRows: number;
  readonly #device: GPUDevice;
  readonly #maxBindingBytes: number;
  readonly #pipelines: Pipelines;
  readonly #tensors = new Arena<GpuTensor>();
  readonly #extents = new Set<GpuExtent>();
  readonly #staging: GPUBuffer[] = [];
  #scratch: { buffer: GPUBuffer; bytes: number } | undefined;
  #allocations: Promise<void>[] = [];
  #inFlight: Promise<void>[] = [];
  #failure: AppError | undefined;
  #disposed = false;

  /** Takes the device over: `dispose` destroys it. */
  constructor(device: GPUDevice, options: WebGpuBackendOptions) {
    this.#device = device;
    this.description = options.description;
    // A software adapter gains nothing from large steps, and a small one lets the user stop sooner.
    this.preferredRows = options.description.software ? 64 : 256;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    this.#maxBindingBytes = Math.min(
      options.maxBindingBytes ?? Infinity,
      maxStorageBufferBindingSize,
      maxBufferSize,
    );
    this.#pipelines = new Pipelines(device);
    this.context = {
      device,
      pipelines: this.#pipelines,
      tuning: options.tuning ?? tuningFor(options.description),
      extentBuffer: (extent) => gpuExtent(extent).buffer,
      scratch: (floats) => this.#takeScratch(floats),
    };
    this.operations = buildOperations(this.context);
    void device.lost.then(({ message, reason }) => {
      if (this.#disposed) return;
      this.#failure = new AppError('DEVICE_LOST', `The graphics device was lost: ${message || reason}.`, {
        fix: 'Load the model again; if it happens again, choose a smaller model or the CPU.',
        recoverable: true,
      });
    });
    device.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??= new AppError('INTERNAL', `WebGPU refused a command: ${error.message}`, {
        fix: 'Load the model again, and report this with the name of your graphics adapter.',
      });
    });
  }

  get liveBytes(): number {
    return this.#tensors.liveBytes + this.#extents.size * EXTENT_BYTES;
  }

  tensor(label: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    this.#throwFailure();
    const rows = shape[0] ?? 1;
    const rowLength = elementCount(label, shape) / rows;
    checkTypedShape(label, dtype, shape);
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const bytes = rowBytes(dtype, rowLength);
    const scaleBytes = 2 * rowScales(dtype, rowLength);
    const positions = shape.length === 3 ? shape[1] : undefined;
    const shards = shardRows(label, rows, bytes, this.#maxBindingBytes, positions).map((shard) => ({
      ...shard,
      buffer: this.#allocate(label, shard.rows * bytes, usage),
      scales: scaleBytes ? this.#allocate(`${label} scales`, shard.rows * scaleBytes, usage) : undefined,
    }));
    const tensor = new GpuTensor(label, shape, dtype, rowLength, shards, (released) => {
      if (!this.#tensors.release(released)) return;
      for (const { buffer, scales } of released.shards) {
        buffer.destroy();
        scales?.destroy();
      }
    });
    this.#tensors.add(tensor);
    return tensor;
  }

  extent(maximum: number): Extent {
    const buffer = this.#allocate('extent', EXTENT_BYTES, UNIFORM | COPY_DST);
    const extent = new GpuExtent(maximum, buffer, (released) => {
      if (this.#extents.delete(released)) released.buffer.destroy();
    });
    this.#extents.add(extent);
    return extent;
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array | Uint16Array, offset = 0): void {
    checkWrite(tensor, data, offset);
    const { shards, rowLength } = gpuTensor(tensor);
    for (const { buffer, firstRow, rows } of shards) {
      const begin = Math.max(offset, firstRow * rowLength);
      const end = Math.min(offset + data.length, (firstRow + rows) * rowLength);
      if (begin >= end) continue;
      const part = data.subarray(begin - offset, end - offset);
      this.#writeBytes(buffer, (begin - firstRow * rowLength) * data.BYTES_PER_ELEMENT, part);
    }
  }

  writeBlocks(tensor: Tensor, blocks: Blocks, first = 0): void {
    const { rows: count, columns } = blockRows(tensor, blocks, first);
    const { shards, dtype } = gpuTensor(tensor);
    if (!isBlockType(dtype)) return;
    const groups = columns / GROUP;
    const bytes = groups * GROUP_BYTES[dtype];
    const stride = rowScales(dtype, columns);
    for (const { buffer, scales, firstRow, rows } of shards) {
      const begin = Math.max(first, firstRow);
      const end = Math.min(first + count, firstRow + rows);
      if (begin >= end || !scales) continue;
      const values = blocks.values.subarray((begin - first) * bytes, (end - first) * bytes);
      this.#writeBytes(buffer, (begin - firstRow) * bytes, values);
      let own = blocks.scales.subarray((begin - first) * groups, (end - first) * groups);
      if (stride !== groups) {
        const padded = new Uint16Array((end - begin) * stride);
        for (let row = 0; row < end - begin; row += 1) {
          padded.set(own.subarray(row * groups, (row + 1) * groups), row * stride);
        }
        own = padded;
      }
      this.#writeBytes(scales, (begin - firstRow) * stride * 2, own);
    }
  }

  async ready(): Promise<void> {
    const allocations = this.#allocations;
    this.#allocations = [];
    await Promise.all([...allocations, this.#pipelines.ready()]);
    this.#throwFailure();
  }

  async run(operations: readonly Operation[], reads: readonly ReadRequest[] = []): Promise<Float32Array[]> {
    this.#throwFailure();
    for (const extent of this.#extents) {
      if (!extent.dirty) continue;
      this.#device.queue.writeBuffer(extent.buffer, 0, Uint32Array.of(extent.value, 0, 0, 0));
      extent.dirty = false;
    }
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const operation of operations) {
      if (!(operation instanceof GpuOperation)) {
        throw new AppError('INTERNAL', `${operation.name} belongs to another backend.`);
      }
      operation.encode(pass);
    }
    pass.end();
    const total = reads.reduce((sum, { count }) => sum + stagingBytes(count), 0);
    if (total === 0) {
      this.#device.queue.submit([encoder.finish()]);
      this.#inFlight.push(this.#device.queue.onSubmittedWorkDone());
      if (this.#inFlight.length > MAX_IN_FLIGHT) await this.#inFlight.shift();
      this.#throwFailure();
      return [];
    }
    const staging = this.#takeStaging(total);
    let offset = 0;
    for (const { tensor, count } of reads) {
      const { shards, rowLength } = gpuTensor(tensor);
      for (const { buffer, firstRow, rows } of shards) {
        const begin = firstRow * rowLength;
        const size = Math.min(count - begin, rows * rowLength);
        if (size > 0) encoder.copyBufferToBuffer(buffer, 0, staging, offset + begin * 4, size * 4);
      }
      offset += stagingBytes(count);
    }
    this.#device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(MAP_READ, 0, total);
    } catch (cause) {
      await this.#explain(cause);
    }
    // A reading is a barrier: everything submitted before it is done.
    this.#inFlight = [];
    this.#throwFailure();
    const results = this.#copyOut(staging, reads);
    staging.unmap();
    this.#staging.push(staging);
    return results;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const tensor of this.#tensors.items()) tensor.dispose();
    for (const extent of this.#extents) extent.dispose();
    for (const buffer of this.#staging) buffer.destroy();
    this.#scratch?.buffer.destroy();
    this.#device.destroy();
  }

  #writeBytes(
    buffer: GPUBuffer,
    offset: number,
    data: Float32Array | Uint32Array | Uint16Array | Uint8Array,
  ): void {
    this.#device.queue.writeBuffer(buffer, offset, data.buffer, data.byteOffset, data.byteLength);
  }

  #copyOut(staging: GPUBuffer, reads: readonly ReadRequest[]): Float32Array[] {
    let offset = 0;
    return reads.map(({ count }) => {
      const values = new Float32Array(staging.getMappedRange(offset, count * 4).slice(0));
      offset += stagingBytes(count);
      return values;
    });
  }

  /** Creates a buffer; a lack of memory is reported by `ready`, as WebGPU tells it later. */
  #allocate(label: string, size: number, usage: number): GPUBuffer {
    this.#device.pushErrorScope('out-of-memory');
    const buffer = this.#device.createBuffer({ label, size, usage });
    const done = this.#device.popErrorScope().then((error) => {
      if (!error) return;
      throw new AppError('OUT_OF_MEMORY', `The graphics memory has no room for ${label} (${size} bytes).`, {
        fix: 'Close other tabs that use the graphics card, or choose a smaller model or context.',
        context: { bytes: size, liveBytes: this.liveBytes },
      });
    });
    // `ready` awaits the promise itself; this only keeps an early rejection from counting as unhandled.
    done.catch(() => undefined);
    this.#allocations.push(done);
    return buffer;
  }

  #takeScratch(floats: number): GPUBuffer {
    const bytes = Math.max(1024, floats * 4);
    if (!this.#scratch || this.#scratch.bytes < bytes) {
      // Operations built earlier keep the smaller buffer; it goes when they do.
      this.#scratch = { buffer: this.#allocate('scratch', bytes, STORAGE), bytes };
    }
    return this.#scratch.buffer;
  }

  #takeStaging(bytes: number): GPUBuffer {
    const index = this.#staging.findIndex(({ size }) => size >= bytes);
    const [found] = index < 0 ? [] : this.#staging.splice(index, 1);
    return found ?? this.#allocate('read-back', Math.ceil(bytes / 1024) * 1024, MAP_READ | COPY_DST);
  }

  async #explain(cause: unknown): Promise<never> {
    // The loss of the device is announced after the mapping has failed.
    await Promise.race([this.#device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
    this.#throwFailure();
    throw new AppError('INTERNAL', 'Results could not be read from the graphics device.', { cause });
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
    if (this.#disposed) throw new AppError('INTERNAL', 'The backend has been disposed of.');
  }
}
