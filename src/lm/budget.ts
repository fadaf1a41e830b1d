/**
 * How much memory a model takes on the device, before anything is loaded. Nothing is estimated: the code that builds the model runs on
 * a backend that only counts.
 */
import type { Backend, BackendDescription, Extent, Operation, Tensor } from '../gpu/backend';
import { tensorBytes } from '../gpu/dtype';
import { AppError } from '../protocol/errors';
import type { AdapterShape } from '../protocol/model-library';
import type { WeightType } from '../protocol/model-import';
import type { Checkpoint } from './checkpoint';
import type { ModelConfig } from './config';
import { buildGraph, type GraphSizes } from './graph';
import { adaptersBytes } from './lora/adapter-memory';
import { graphSizes } from './graph-sizes';
import { buildWorkingSet } from './scheduler/working-set';
import { mapTensors, weightTable } from './weights-table';
import { allocateWeights } from './weights';

export interface MemoryRequest {
  config: ModelConfig;
  /** Of the matrices; undefined as `checkpoint` stores them. */
  weights?: WeightType | undefined;
  checkpoint?: Checkpoint | undefined;
  maxContext: number;
  /** Resident beside the model. */
  adapters?: readonly AdapterShape[] | undefined;
  /** Sequences side by side. Default 1. */
  slots?: number | undefined;
  /** Of the backend; default 256, a GPU's. */
  preferredRows?: number | undefined;
  /** Default WebGPU. */
  device?: 'webgpu' | 'cpu' | undefined;
}

/** In bytes of device memory. */
export interface MemoryPlan {
  weights: number;
  /** Keys and values of all slots. */
  cache: number;
  /** Activations, logits and tables. */
  scratch: number;
  /** Of all resident adapters. */
  adapters: number;
  total: number;
  /** Keys and values of one position of one slot. */
  cachePerToken: number;
}

/** A uniform buffer of WebGPU. */
const EXTENT_BYTES = 16;

/** Equal to what a load leaves in the backend's `liveBytes`. */
export function planMemory(request: MemoryRequest): MemoryPlan {
  const { config, maxContext, slots = 1, preferredRows = 256, device = 'webgpu' } = request;
  const sizes = graphSizes(config, { maxContext, slots, preferredRows });
  const weights = countWeights(request);
  // All that depends on the context grows in proportion to it: counted for two short ones, and drawn on.
  const extentBytes = device === 'webgpu' ? EXTENT_BYTES : 0;
  const [one, two] = [
    countGraph(config, { ...sizes, capacity: 1 }, extentBytes),
    countGraph(config, { ...sizes, capacity: 2 }, extentBytes),
  ];
  const along = (at1: number, at2: number): number => at1 + (at2 - at1) * (sizes.capacity - 1);
  const cache = along(one.cache, two.cache);
  const scratch = along(one.scratch, two.scratch);
  const cachePerToken = (two.cache - one.cache) / slots;
  const adapters = adaptersBytes(config, request.adapters ?? [], sizes.stepRows);
  return { weights, cache, scratch, adapters, total: weights + cache + scratch + adapters, cachePerToken };
}

/**
 * The longest context, up to the one asked for, with which the model fits into so many bytes; undefined if none of at least `least`
 * tokens does.
 */
export function longestContext(request: MemoryRequest, bytes: number, least = 256): number | undefined {
  const fits = (maxContext: number): boolean => planMemory({ ...request, maxContext }).total <= bytes;
  if (fits(request.maxContext)) return request.maxContext;
  let [good, bad] = [least, request.maxContext];
  if (bad <= least || !fits(least)) return undefined;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

function countWeights({ config, weights, checkpoint }: MemoryRequest): number {
  const counter = new CountingBackend(0);
  allocateWeights((...of) => counter.tensor(...of), weightTable(config), weights, checkpoint);
  return counter.liveBytes;
}

function countGraph(
  config: ModelConfig,
  sizes: GraphSizes,
  extentBytes: number,
): { cache: number; scratch: number } {
  const counter = new CountingBackend(extentBytes);
  const weights = mapTensors(weightTable(config), ({ label, shape }) => counted(label, shape, 'f32'));
  const allocate: Backend['tensor'] = (...of) => counter.tensor(...of);
  const graph = buildGraph(counter, allocate, config, weights, sizes);
  buildWorkingSet(counter, allocate, graph);
  const cache = graph.caches.reduce((sum, { keys, values }) => sum + keys.bytes + values.bytes, 0);
  return { cache, scratch: counter.liveBytes - cache };
}

function counted(label: string, shape: readonly number[], dtype: Tensor['dtype']): Tensor {
  return { label, shape, dtype, bytes: tensorBytes(dtype, shape), dispose: () => undefined };
}

const built = (name: string) => (): Operation => ({ name });

/** Takes every allocation and does nothing. */
class CountingBackend implements Backend {
  readonly description: BackendDescription = {
    kind: 'cpu',
    ...{ name: 'counter', vendor: '', architecture: '' },
    ...{ software: true, f16: false, subgroups: false },
  };
  readonly preferredRows = 1;
  liveBytes = 0;
  readonly #extentBytes: number;

  constructor(extentBytes: number) {
    this.#extentBytes = extentBytes;
  }

  readonly operations = {
    embed: built('embed'),
    linear: built('linear'),
    gatedLinear: built('gatedLinear'),
    gate: built('gate'),
    headNorm: built('headNorm'),
    rotateAndCache: built('rotateAndCache'),
    attention: built('attention'),
    copyCache: built('copyCache'),
    selectRows: built('selectRows'),
    rowStatistics: built('rowStatistics'),
    sample: built('sample'),
  } satisfies Backend['operations'];

  tensor(label: string, shape: readonly number[], dtype: Tensor['dtype'] = 'f32'): Tensor {
    const tensor = counted(label, shape, dtype);
    this.liveBytes += tensor.bytes;
    return tensor;
  }

  extent(maximum: number): Extent {
    this.liveBytes += this.#extentBytes;
    return { maximum, value: maximum, oneSequence: false, dispose: () => undefined };
  }

  write(): void {
    // Nothing is kept.
  }

  writeBlocks(): void {
    // Nothing is kept.
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  run(): Promise<never> {
    return Promise.reject(new AppError('INTERNAL', 'A backend that counts does not compute.'));
  }

  dispose(): void {
    // Nothing was made.
  }
}
