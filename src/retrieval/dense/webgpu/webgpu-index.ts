/** Exact search on a WebGPU device: one pass over the rows for a batch of queries, one read-back. */
import { Pipelines, type BuiltKernel } from '../../../gpu/webgpu/pipelines';
import { AppError, throwIfAborted } from '../../../protocol/errors';
import { TopKHeap, type TopK } from '../../top-k';
import type { DenseIndex, DenseRows } from '../dense-index';
import { BLOCK, collectKernel, maximaKernel, scoreKernel, selectKernel, TILE, WIDTH } from './kernels';
import { gpuQuery, reachOf, type GpuQuery, type Reach } from './query-data';
import { Scratch, type ScratchName } from './scratch';
import { bindingLimit, uploadRows, type RowShard } from './shards';

export interface WebGpuIndexOptions {
  /** Whether the device multiplies four bytes at once (`packed_4x8_integer_dot_product` of `navigator.gpu.wgslLanguageFeatures`). */
  packed?: boolean;
  /** Bytes of a buffer; default: what the device binds. */
  limit?: number;
}

/** Kernels are the same for all indexes of a device. */
const built = new WeakMap<GPUDevice, Pipelines>();

function pipelinesOf(device: GPUDevice): Pipelines {
  const pipelines = built.get(device) ?? new Pipelines(device);
  built.set(device, pipelines);
  return pipelines;
}

/** Queries of one pass over the rows. */
const BATCHES = [1, 2, 4, 8] as const;
const MOST_QUERIES = 8;
/** Rows read back at first: what is collected is seldom more than twice what is asked for. */
const CAPACITY = 4096;

export class WebGpuIndex implements DenseIndex {
  readonly rows: DenseRows;
  readonly #device: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #shards: readonly RowShard[];
  readonly #reach: Reach;
  readonly #packed: boolean;
  readonly #mostQueries: number;
  readonly #scratch: Scratch;
  /** Searches share the scratch, so they run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #lost: GPUDeviceLostInfo | undefined;

  private constructor(device: GPUDevice, rows: DenseRows, options: WebGpuIndexOptions) {
    const limit = bindingLimit(device);
    const atOnce = Math.floor(limit / (4 * Math.max(1, rows.count)));
    if (atOnce < 1) {
      throw new AppError('UNSUPPORTED', `${rows.count} vectors are too many for this adapter.`, {
        fix: 'Search on the CPU.',
      });
    }
    this.rows = rows;
    this.#device = device;
    this.#pipelines = pipelinesOf(device);
    this.#mostQueries = BATCHES.findLast((batch) => batch <= Math.min(atOnce, MOST_QUERIES)) ?? 1;
    this.#packed = options.packed ?? false;
    this.#reach = reachOf(rows);
    this.#scratch = new Scratch(device);
    this.#shards = uploadRows(device, rows, options.limit);
    void device.lost.then((info) => (this.#lost = info));
  }

  /**
   * Copies the rows to the device; they must stay as they are.
   * @throws AppError UNSUPPORTED, OUT_OF_MEMORY
   */
  static async open(
    device: GPUDevice,
    rows: DenseRows,
    options: WebGpuIndexOptions = {},
  ): Promise<WebGpuIndex> {
    device.pushErrorScope('out-of-memory');
    const index = new WebGpuIndex(device, rows, options);
    const full = await device.popErrorScope();
    if (full) {
      index.dispose();
      throw new AppError('OUT_OF_MEMORY', 'The graphics adapter has no room for the vectors.', {
        fix: 'Search on the CPU, or close what else uses the graphics adapter.',
        cause: full,
      });
    }
    return index;
  }

  get count(): number {
    return this.rows.count;
  }

  get dimensions(): number {
    return this.rows.dimensions;
  }

  search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    const search = this.#last.then(() => this.#search(queries, topK, signal));
    this.#last = search.catch(() => undefined);
    return search;
  }

  async #search(
    queries: readonly Float32Array[],
    topK: number,
    signal: AbortSignal | undefined,
  ): Promise<TopK[]> {
    throwIfAborted(signal);
    const prepared = queries.map((query) => gpuQuery(this.rows, query, this.#reach));
    const results: TopK[] = [];
    for (let first = 0; first < queries.length; first += this.#mostQueries) {
      const batch = queries.slice(first, first + this.#mostQueries);
      const candidates = await this.#candidates(prepared.slice(first, first + batch.length), topK);
      throwIfAborted(signal);
      batch.forEach((query, q) => {
        const scorer = this.rows.scorer(query);
        const heap = new TopKHeap(Math.min(topK, this.count));
        candidates[q]?.forEach((row) => heap.push(row, scorer.score(row)));
        results.push(heap.take());
      });
    }
    return results;
  }

  /** Rows among which each query's best are. */
  async #candidates(queries: readonly GpuQuery[], topK: number): Promise<Uint32Array[]> {
    if (this.count === 0) return queries.map(() => new Uint32Array(0));
    let capacity = Math.min(this.count, Math.max(CAPACITY, 2 * topK));
    for (;;) {
      const words = await this.#run(queries, topK, capacity);
      const lists = queries.map((_, q) => {
        const start = q * (capacity + 1);
        const found = words[start] ?? 0;
        return { found, rows: words.subarray(start + 1, start + 1 + Math.min(found, capacity)) };
      });
      const most = Math.max(...lists.map(({ found }) => found));
      if (most <= capacity) return lists.map(({ rows }) => rows);
      // Many rows tie, or nearly: all of them are looked at.
      capacity = most;
    }
  }

  async #run(queries: readonly GpuQuery[], topK: number, capacity: number): Promise<Uint32Array> {
    const device = this.#device;
    const { count, rows } = this;
    const batch = BATCHES.find((size) => size >= queries.length) ?? MOST_QUERIES;
    const blocks = Math.ceil(count / BLOCK);
    const wordsOf =
      rows.dtype === 'int8' ? rows.stride / 16 : (rows.stride * rows.data.BYTES_PER_ELEMENT) / 16;
    const queryBytes = queries[0]?.data.byteLength ?? 0;
    const resultBytes = 4 * batch * (capacity + 1);
    const buffer = (name: ScratchName, bytes: number): GPUBuffer => this.#scratch.get(name, bytes);
    const [sizes, settings] = [buffer('sizes', 32), buffer('settings', 16 * batch)];
    const queryData = buffer('queries', queryBytes * batch);
    const keys = buffer('keys', 4 * count * batch);
    const maxima = buffer('maxima', 4 * blocks * batch);
    const thresholds = buffer('thresholds', 4 * batch);
    const results = buffer('results', resultBytes);
    const readBack = buffer('readBack', resultBytes);
    device.queue.writeBuffer(sizes, 0, new Uint32Array([count, wordsOf, blocks, topK, capacity, 0, 0, 0]));
    const values = new Float32Array(4 * batch);
    queries.forEach(({ data, step, slack }, q) => {
      values.set([step, 2 * slack], 4 * q);
      device.queue.writeBuffer(queryData, q * queryBytes, data);
    });
    device.queue.writeBuffer(settings, 0, values);

    const score = this.#pipelines.get(scoreKernel(rows.dtype, batch, this.#packed));
    const [largest, select, collect] = [maximaKernel(), selectKernel(), collectKernel()].map((kernel) =>
      this.#pipelines.get(kernel),
    );
    await this.#pipelines.ready();
    const commands = device.createCommandEncoder({ label: 'vector search' });
    commands.clearBuffer(results, 0, resultBytes);
    const pass = commands.beginComputePass();
    for (const shard of this.#shards) {
      const extras = shard.scales && shard.products ? [shard.scales, shard.products] : [];
      const tiles = Math.ceil(shard.rows / TILE);
      this.#dispatch(
        pass,
        score,
        [sizes, shard.place, settings, queryData, shard.data, ...extras, keys],
        [Math.min(tiles, WIDTH), Math.ceil(tiles / WIDTH)],
      );
    }
    const groups = Math.ceil(blocks / TILE);
    this.#dispatch(pass, largest, [sizes, keys, maxima], [groups, batch]);
    this.#dispatch(pass, select, [sizes, settings, maxima, thresholds], [batch, 1]);
    this.#dispatch(pass, collect, [sizes, keys, maxima, thresholds, results], [groups, batch]);
    pass.end();
    commands.copyBufferToBuffer(results, 0, readBack, 0, resultBytes);
    device.queue.submit([commands.finish()]);
    try {
      await readBack.mapAsync(1, 0, resultBytes);
    } catch (cause) {
      throw this.#failed(cause);
    }
    const words = new Uint32Array(readBack.getMappedRange(0, resultBytes).slice(0));
    readBack.unmap();
    return words;
  }

  #dispatch(
    pass: GPUComputePassEncoder,
    kernel: BuiltKernel | undefined,
    buffers: readonly GPUBuffer[],
    [x, y]: readonly [number, number],
  ): void {
    if (!kernel?.pipeline)
      throw new AppError('INTERNAL', 'A kernel of the search was run before it was ready.');
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, this.#device.createBindGroup({ layout: kernel.layout, entries }));
    pass.dispatchWorkgroups(x, y);
  }

  #failed(cause: unknown): AppError {
    const why = this.#lost ? `: ${this.#lost.message}` : '';
    return new AppError('DEVICE_LOST', `The graphics adapter was lost during a search${why}.`, {
      ...{ fix: 'Search again: it goes on with the CPU.', recoverable: true, cause },
    });
  }

  dispose(): void {
    for (const { data, scales, products, place } of this.#shards) {
      for (const buffer of [data, scales, products, place]) buffer?.destroy();
    }
    this.#scratch.dispose();
  }
}
