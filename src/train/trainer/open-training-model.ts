/** Brings a run's model into memory: an engine for the rollouts and a trainer, over one copy of the weights. */
import type { Backend, Tensor } from '../../gpu/backend';
import type { ByteSource } from '../../lm/byte-source';
import type { Checkpoint } from '../../lm/checkpoint';
import { parseModelConfig, type ModelConfig } from '../../lm/config';
import { loadModel, type LoadedModel, type LoadModelOptions } from '../../lm/engine';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { openSafetensorsCheckpoint } from '../../lm/safetensors';
import { loadWeights, type ModelWeights } from '../../lm/weights';
import type { OnProgress } from '../../protocol/retrieval';
import type { Trained } from '../graph/parameters';
import type { RunConfig } from '../records';
import { newAdapter } from './new-adapter';
import { assemble, needsUntrained } from './assemble';
import { POLICY_ADAPTER } from './parts';
import { PpoTrainer } from './ppo-trainer';
import { trainingSizes } from './training-sizes';

export interface OpenTrainingModelOptions {
  backend: Backend;
  /** Of the searcher; `ModelFiles` has these. */
  files: { config: unknown; weights?: ByteSource | readonly ByteSource[]; checkpoint?: Checkpoint };
  config: RunConfig;
  /** Training goes on from this one: what `config.searcher.adapter` names, or a run's own. */
  adapter?: LoraAdapter | undefined;
  /** The engine's; see `LoadModelOptions`. Default: what the recipe's prompt and response need. */
  maxContext?: number;
  slots?: number;
  /** Longest episode. Default: `maxContext`. */
  maxTokens?: number;
  /** Most tokens of a training pass; at least `maxTokens`. Default: `maxTokens`, on the CPU more. */
  passTokens?: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

export interface TrainingModel {
  /** Generates rollouts; the policy is its resident adapter `policyAdapter`, or, where all weights are trained, the model itself. */
  engine: LoadedModel;
  policyAdapter: typeof POLICY_ADAPTER | undefined;
  /** The untrained model. The engine itself, without an adapter; a second one where all weights are trained. */
  generator: LoadedModel;
  trainer: PpoTrainer;
  /** Frees trainer and engines; the backend lives on. */
  dispose(): void;
}

/**
 * @throws AppError BAD_INPUT, UNSUPPORTED (all weights of a model that is not f32), INTEGRITY, OUT_OF_MEMORY, ABORTED, DEVICE_LOST;
 *   nothing stays allocated then
 */
export async function openTrainingModel(options: OpenTrainingModelOptions): Promise<TrainingModel> {
  const owned: { dispose(): void }[] = [];
  try {
    return await open(options, owned);
  } catch (error) {
    release(owned);
    throw error;
  }
}

function release(owned: { dispose(): void }[]): void {
  for (const item of owned.reverse()) item.dispose();
  owned.length = 0;
}

async function open(options: OpenTrainingModelOptions, owned: { dispose(): void }[]): Promise<TrainingModel> {
  const { backend, config, adapter: start } = options;
  const { ppo, trained } = config;
  const own = <T extends { dispose(): void }>(item: T): T => {
    owned.push(item);
    return item;
  };
  const sizes = trainingSizes(parseModelConfig(options.files.config), backend, ppo, options);
  const load = async (): Promise<LoadedModel> => own(await loadModel(engineOptions(options, sizes.context)));
  const engine = await load();
  const { config: model } = engine;

  const untrained: Trained = {};
  let generator = engine;
  if (trained.kind === 'model') {
    if (config.generator === 'searcher') generator = await load();
    if (generator !== engine) untrained.base = generator.weights;
    else if (needsUntrained(config)) untrained.base = await loadCopy(options, model, own);
  }
  const first =
    trained.kind === 'adapter'
      ? (start ?? newAdapter(model, { ...trained, seed: ppo.seed, baseModel: config.searcher.model }))
      : undefined;
  const learning = assemble({
    ...{ backend, model, weights: engine.weights, config, sizes: sizes.trunk },
    ...{ first, initial: start, untrained, own },
  });
  const trainer = new PpoTrainer({
    ...learning,
    ...{ backend, config: ppo, engine, sizes: sizes.passes, dispose: () => release(owned) },
  });
  await backend.ready();
  await trainer.publish();
  return {
    ...{ engine, generator, trainer },
    policyAdapter: first && POLICY_ADAPTER,
    dispose: () => trainer.dispose(),
  };
}

function engineOptions(
  { backend, files, config, slots, signal, onProgress }: OpenTrainingModelOptions,
  maxContext: number,
): LoadModelOptions {
  const { weights } = config.searcher;
  return {
    ...{ backend, config: files.config, maxContext },
    ...(files.checkpoint && { checkpoint: files.checkpoint }),
    ...(files.weights && { source: files.weights }),
    ...(weights && { weights }),
    ...(slots !== undefined && { slots }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  };
}

/** The weights once more, as they were before training. */
async function loadCopy(
  { backend, files, config, signal, onProgress }: OpenTrainingModelOptions,
  model: ModelConfig,
  own: (tensor: Tensor) => Tensor,
): Promise<ModelWeights> {
  const { weights: sources = [] } = files;
  const checkpoint =
    files.checkpoint ?? (await openSafetensorsCheckpoint('read' in sources ? [sources] : sources, signal));
  const allocate: Backend['tensor'] = (label, shape, dtype) =>
    own(backend.tensor(`untrained ${label}`, shape, dtype));
  const { weights } = config.searcher;
  return loadWeights(backend, allocate, model, checkpoint, { weights, onProgress, signal });
}
