/** The memory of a run on its device, before anything is loaded: engine and trainer, counted with the code that builds them. */
import type { BackendDescription } from '../../gpu/backend';
import { counted, CountingBackend } from '../../gpu/counting-backend';
import { planMemory, type MemoryPlan } from '../../lm/budget';
import type { Checkpoint } from '../../lm/checkpoint';
import type { ModelConfig } from '../../lm/config';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { adapterShape } from '../../lm/lora/adapter-memory';
import { slotType } from '../../lm/weight-types';
import { mapTensors, weightTable } from '../../lm/weights-table';
import type { RunConfig } from '../records';
import { assemble, needsUntrained } from './assemble';
import { newAdapter } from './new-adapter';
import { trainingSizes, type WantedSizes } from './training-sizes';

export interface TrainingMemoryRequest extends WantedSizes {
  model: ModelConfig;
  config: RunConfig;
  /** Where it stores blocks, they stay; see `LoadModelOptions.weights`. */
  checkpoint?: Checkpoint;
  adapter?: LoraAdapter;
  device: BackendDescription['kind'];
  preferredRows: number;
  /** Of the engine. */
  slots: number;
}

/** In bytes. */
export interface TrainingMemoryPlan {
  engine: MemoryPlan;
  /** What a second copy of the model takes, where all weights are trained. */
  untrained: number;
  /** Activations, gradients, optimisers, critic. */
  trainer: number;
  total: number;
}

/** A uniform buffer of WebGPU. */
const EXTENT_BYTES = 16;

/** What `openTrainingModel` leaves in the backend's `liveBytes`, but for a few small buffers of a GPU's kernels. */
export function planTrainingMemory(request: TrainingMemoryRequest): TrainingMemoryPlan {
  const { model, config, checkpoint, device, preferredRows, slots } = request;
  const { trained, ppo, searcher } = config;
  const sizes = trainingSizes(model, { description: { kind: device } }, ppo, request);
  const first =
    trained.kind === 'adapter'
      ? (request.adapter ?? newAdapter(model, { ...trained, seed: ppo.seed }))
      : undefined;
  const wanted = {
    ...{ config: model, weights: searcher.weights, checkpoint, maxContext: sizes.context },
    ...{ slots, preferredRows, device },
  };
  const engine = planMemory({ ...wanted, adapters: first ? [adapterShape(first)] : [] });
  const counter = new CountingBackend(device === 'webgpu' ? EXTENT_BYTES : 0);
  const weights = mapTensors(weightTable(model), (slot) =>
    counted(slot.label, slot.shape, slotType(slot, searcher.weights, checkpoint)),
  );
  assemble({
    ...{ backend: counter, model, weights, config, sizes: sizes.trunk, first, initial: request.adapter },
    ...{ untrained: {}, own: (item) => item },
  });
  const copy = (): number => {
    if (trained.kind === 'adapter') return 0;
    if (config.generator === 'searcher') return planMemory(wanted).total;
    return needsUntrained(config) ? engine.weights : 0;
  };
  const untrained = copy();
  const trainer = counter.liveBytes;
  return { engine, untrained, trainer, total: engine.total + untrained + trainer };
}
