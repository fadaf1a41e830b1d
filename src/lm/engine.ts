/** Loading: from a checkpoint to a model that is ready to compute. */
import type { Backend, Tensor } from '../gpu/backend';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { OnProgress } from '../protocol/retrieval';
import type { WeightType } from '../protocol/model-import';
import type { ByteSource } from './byte-source';
import type { Checkpoint } from './checkpoint';
import { parseModelConfig } from './config';
import { buildGraph } from './graph';
import { verifyModel } from './engine-verify';
import { graphSizes } from './graph-sizes';
import { LoadedModel } from './loaded-model';
import { openSafetensorsCheckpoint } from './safetensors';
import { MAX_STEPS } from './scheduler/pace';
import { buildWorkingSet } from './scheduler/working-set';
import { loadWeights } from './weights';

export {
  LoadedModel,
  type GenerateTokensOptions,
  type GenerateTokensResult,
  type PrefillResult,
} from './loaded-model';

export interface LoadModelOptions {
  backend: Backend;
  /** Parsed `config.json`. */
  config: unknown;
  /** The weights: safetensors, GGUF or a pack, opened. */
  checkpoint?: Checkpoint;
  /** The safetensors files of the checkpoint, instead of `checkpoint`. */
  source?: ByteSource | readonly ByteSource[];
  /** Type of the matrices. Default: as stored where the checkpoint has blocks, else f32. */
  weights?: WeightType;
  /** Positions of the KV cache. Default: what the checkpoint was made for, at most 4096. */
  maxContext?: number;
  /** Sequences that can decode together, 1 … 16; each has room for `maxContext` positions. Default: 1 on the CPU, 4 on a GPU. */
  slots?: number;
  /** Decode steps between two looks at the results, 1 … 16. Default: as many as stay below 100 ms; 1 on the CPU. */
  stepsPerSubmit?: number;
  /** Milliseconds that sequences which decode wait at most while others' prompts are computed. Default 300. */
  patienceMs?: number;
  /** Compares a layer with the CPU and warms up. Default: on a GPU. */
  verify?: boolean;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

const DEFAULT_MAX_CONTEXT = 4096;
const MAX_SLOTS = 16;
const DEFAULT_GPU_SLOTS = 4;

/**
 * Reads a checkpoint into the backend.
 * @throws AppError BAD_INPUT, UNSUPPORTED (also a device that computes wrongly), INTEGRITY, OUT_OF_MEMORY, ABORTED; nothing stays allocated then.
 */
export async function loadModel(options: LoadModelOptions): Promise<LoadedModel> {
  const { backend, signal } = options;
  const onCpu = backend.description.kind === 'cpu';
  const slots = expectWithin('slots', options.slots ?? (onCpu ? 1 : DEFAULT_GPU_SLOTS), MAX_SLOTS);
  const { patienceMs } = options;
  const asked = options.stepsPerSubmit ?? (onCpu ? 1 : undefined);
  const stepsPerSubmit =
    asked === undefined ? undefined : expectWithin('decode steps a submit', asked, MAX_STEPS);
  const config = parseModelConfig(options.config);
  const maxContext = options.maxContext ?? Math.min(config.nativePositions, DEFAULT_MAX_CONTEXT);
  if (!Number.isSafeInteger(maxContext) || maxContext < 2 || maxContext > config.maxPositions) {
    throw new AppError('BAD_INPUT', `This model cannot have a context of ${maxContext} tokens.`, {
      fix: `Choose between 2 and ${config.maxPositions}.`,
    });
  }
  const { source = [] } = options;
  const checkpoint =
    options.checkpoint ?? (await openSafetensorsCheckpoint('read' in source ? [source] : source, signal));
  const owned: { dispose(): void }[] = [];
  const allocate: Backend['tensor'] = (label, shape, dtype) => {
    const tensor: Tensor = backend.tensor(label, shape, dtype);
    owned.push(tensor);
    return tensor;
  };
  try {
    const { onProgress } = options;
    const loading = { weights: options.weights, onProgress, signal };
    const weights = await loadWeights(backend, allocate, config, checkpoint, loading);
    const { preferredRows } = backend;
    const sizes = graphSizes(config, { maxContext, slots, preferredRows });
    const graph = buildGraph(backend, allocate, config, weights, sizes);
    owned.push(graph.rows, graph.headRows);
    const working = buildWorkingSet(backend, allocate, graph);
    owned.push(working.copyRows);
    await backend.ready();
    throwIfAborted(signal);
    if (options.verify ?? !onCpu) {
      const { weights: type } = options;
      await verifyModel({ backend, config, checkpoint, weights: type, graph, working, signal });
    }
    return new LoadedModel({ backend, config, weights, graph, working, owned, stepsPerSubmit, patienceMs });
  } catch (error) {
    for (const item of owned) item.dispose();
    throw error;
  }
}

function expectWithin(what: string, value: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new AppError('BAD_INPUT', `A model cannot be loaded with ${value} ${what}.`, {
    fix: `Choose between 1 and ${most}.`,
  });
}
