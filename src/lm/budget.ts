/**
 * How much memory a model takes on the device, before anything is loaded. Nothing is estimated: the code that builds the model runs on
 * a backend that only counts.
 */
import type { Backend } from '../gpu/backend';
import { counted, CountingBackend } from '../gpu/counting-backend';
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
