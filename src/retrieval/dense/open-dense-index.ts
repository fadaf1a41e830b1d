/** Chooses how vectors are searched here: by what each way takes, measured on the vectors themselves. */
import type { StoredFile, VectorSearchInfo } from '../../protocol/corpus';
import { AppError, throwIfAborted, toEnvelope } from '../../protocol/errors';
import type { OnProgress } from '../../protocol/retrieval';
import type { TopK } from '../top-k';
import { PlainIndex, type DenseIndex, type DenseRows } from './dense-index';
import { ROWS_FOR_THREADS, type LoadedRows } from './load-rows';
import type { ScanThreads } from './wasm/threads';
import { WasmIndex } from './wasm/wasm-index';
import { WebGpuIndex } from './webgpu/webgpu-index';

export interface DenseDevice {
  device: GPUDevice;
  name: string;
  /** Computed by the processor: of no use beside WebAssembly. */
  software: boolean;
  /** Multiplies four bytes at once. */
  packed: boolean;
}

/** An index that is a graph. */
export interface GraphIndex extends DenseIndex {
  readonly backend: VectorSearchInfo['backend'];
  readonly dtype: string;
  /** Candidates of a search that does not say how many. */
  readonly ef: number;
  readonly memoryBytes: number;
}

/** What there is to search with; everything is asked for only when it could help. */
export interface DensePlatform {
  /** `null` where there is none. */
  openDevice?: () => Promise<DenseDevice | null>;
  /** Threads that share memory with this one; `null` where the page is not isolated. */
  openThreads?: () => ScanThreads | null;
  /** usearch's WebAssembly, which graphs are searched and built with. */
  openUsearch?: () => Promise<WebAssembly.Module>;
  /** Something that is faster at them, in its place: usearch's native addon in Node. */
  graphs?: {
    open(file: StoredFile, signal?: AbortSignal): Promise<GraphIndex>;
    build(
      rows: DenseRows,
      progress: { onProgress?: OnProgress | undefined; signal?: AbortSignal | undefined },
    ): Promise<Uint8Array<ArrayBuffer>>;
  };
  now?: () => number;
}

/** What a graphics adapter takes to answer at all. */
const ROUND_TRIP_MS = 2;
const PROBES = 3;

/** An index with the way that was chosen for it. */
export class ChosenIndex implements DenseIndex {
  #index: DenseIndex;
  readonly #rows: LoadedRows;
  #info: VectorSearchInfo;

  /** `rows`: with what searches them where `index` can no longer. */
  constructor(index: DenseIndex, rows: LoadedRows, info: VectorSearchInfo) {
    this.#index = index;
    this.#rows = rows;
    this.#info = info;
  }

  get #fallback(): DenseIndex {
    return this.#rows.index;
  }

  get count(): number {
    return this.#fallback.count;
  }

  get dimensions(): number {
    return this.#fallback.dimensions;
  }

  /** Held by it: rows in the memory of the processor, and once more where the graphics adapter has them. */
  get memoryBytes(): number {
    const { index: held } = this.#rows;
    const here = held instanceof WasmIndex ? held.memoryBytes : this.#rows.rows.bytes;
    return here + (this.#index instanceof WebGpuIndex ? this.#rows.rows.bytes : 0);
  }

  /** Changes when the device is lost. */
  get info(): VectorSearchInfo {
    return this.#info;
  }

  async search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    try {
      return await this.#index.search(queries, topK, signal);
    } catch (error) {
      if (this.#index === this.#fallback || toEnvelope(error).code !== 'DEVICE_LOST') throw error;
      this.#index = this.#fallback;
      this.#info = {
        ...{ ...this.#info, backend: backendOf(this.#fallback), threads: threadsOf(this.#fallback) },
        reason: 'The graphics adapter was lost; the processor gives the same results.',
      };
      return this.#fallback.search(queries, topK, signal);
    }
  }

  dispose(): void {
    this.#index.dispose?.();
    if (this.#fallback !== this.#index) this.#fallback.dispose?.();
  }
}

const backendOf = (index: DenseIndex): VectorSearchInfo['backend'] =>
  index instanceof WebGpuIndex ? 'webgpu' : index instanceof WasmIndex ? 'wasm' : 'typescript';
const threadsOf = (index: DenseIndex): number => (index instanceof WasmIndex ? index.threads : 1);

/**
 * An index over `rows` on the fastest way there is; all ways give the same results.
 * @throws AppError ABORTED; nothing else: where there is neither WebGPU nor WebAssembly, plain TypeScript searches
 */
export async function openDenseIndex(
  given: DenseRows | LoadedRows,
  platform: DensePlatform = {},
  signal?: AbortSignal,
): Promise<ChosenIndex> {
  throwIfAborted(signal);
  const cpu = 'index' in given ? given : openCpu(given, platform);
  const { rows } = cpu;
  const now = platform.now ?? (() => performance.now());
  const time = async (index: DenseIndex): Promise<number> => {
    const query = rows.count > 0 ? rows.rowAt(0) : new Float32Array(rows.dimensions);
    const times: number[] = [];
    for (let probe = 0; probe <= PROBES; probe += 1) {
      const start = now();
      await index.search([query], 10, signal);
      times.push(now() - start);
    }
    // The first one compiles.
    return Math.min(...times.slice(1));
  };
  const milliseconds = await time(cpu.index);
  const info: VectorSearchInfo = {
    ...{
      kind: 'exact',
      backend: backendOf(cpu.index),
      dtype: rows.dtype,
      threads: threadsOf(cpu.index),
      milliseconds,
    },
    reason: cpu.reason,
  };
  const onCpu = (reason: string): ChosenIndex =>
    new ChosenIndex(cpu.index, cpu, {
      ...info,
      reason: [info.reason, reason].filter(Boolean).join(' '),
    });
  if (milliseconds <= ROUND_TRIP_MS) {
    return onCpu('A graphics adapter could not answer sooner.');
  }
  const opened = await platform.openDevice?.().catch(() => null);
  throwIfAborted(signal);
  if (!opened) return onCpu('There is no WebGPU here.');
  if (opened.software) return onCpu('WebGPU is computed by the processor here.');
  try {
    const gpu = await WebGpuIndex.open(opened.device, rows, { packed: opened.packed });
    const there = await time(gpu);
    const compared = `${there.toFixed(1)} ms on ${opened.name}, ${milliseconds.toFixed(1)} ms on the processor.`;
    if (there >= milliseconds) {
      gpu.dispose();
      return onCpu(`Measured: ${compared}`);
    }
    return new ChosenIndex(gpu, cpu, {
      ...{ ...info, backend: 'webgpu', threads: 1, milliseconds: there },
      reason: `Measured: ${compared}`,
    });
  } catch (error) {
    throwIfAborted(signal);
    return onCpu(`WebGPU could not be used: ${toEnvelope(error).message}`);
  }
}

function openCpu(rows: DenseRows, { openThreads }: DensePlatform): LoadedRows {
  const threads = rows.count >= ROWS_FOR_THREADS ? openThreads?.() : null;
  try {
    const index = WasmIndex.open(rows, threads ?? undefined);
    // From now on those in its memory: the others can go.
    return { rows: index.rows as DenseRows, index, reason: '' };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { rows, index: new PlainIndex(rows), reason: error.message };
  }
}
