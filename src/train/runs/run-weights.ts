/** What a checkpoint trained, as an adapter, or as a whole model. */
import { rowLength, type Checkpoint, type StoredTensor } from '../../lm/checkpoint';
import type { OpenedModel } from '../../lm/import/open-model';
import { mergedCheckpoint } from '../../lm/lora/merge';
import type { LoraAdapter, LoraPair } from '../../lm/lora/adapter';
import { LORA_MODULES, parseModulePath } from '../../lm/lora/modules';
import { AppError } from '../../protocol/errors';
import type { RunConfig, TrainerState } from '../records';

const TENSOR = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/**
 * The policy's adapter of a checkpoint.
 * @param start what the run began from, where it did: its scales stay
 * @throws AppError UNSUPPORTED where the whole model was trained, INTEGRITY
 */
export function adapterOf({ tensors }: TrainerState, config: RunConfig, start?: LoraAdapter): LoraAdapter {
  const { trained } = config;
  if (trained.kind !== 'adapter') {
    throw new AppError('UNSUPPORTED', 'This run trains the whole model, so it has no adapter.', {
      fix: 'Export the whole model as safetensors.',
    });
  }
  const halves = new Map<
    string,
    { down?: TrainerState['tensors'][number]; up?: TrainerState['tensors'][number] }
  >();
  for (const tensor of tensors) {
    const [, path, side] = TENSOR.exec(tensor.name) ?? [];
    if (path === undefined) continue;
    const half = halves.get(path) ?? {};
    halves.set(path, { ...half, [side === 'A' ? 'down' : 'up']: tensor });
  }
  const pairs = [...halves].map(([path, { down, up }]): LoraPair => {
    const place = parseModulePath(path);
    const rank = down?.shape[0];
    if (!place || !down || !up || rank === undefined) {
      throw new AppError('INTEGRITY', `The checkpoint lacks a part of ${path}.`, {
        fix: 'Choose another checkpoint.',
      });
    }
    const before = start?.pairs.find(({ layer, module }) => layer === place.layer && module === place.module);
    return { ...place, rank, alpha: before?.alpha ?? trained.alpha, down: down.values, up: up.values };
  });
  const order = ({ layer, module }: LoraPair): number =>
    layer * LORA_MODULES.length + LORA_MODULES.indexOf(module);
  pairs.sort((a, b) => order(a) - order(b));
  return {
    rankStabilised: start?.rankStabilised ?? false,
    baseModel: config.searcher.model,
    pairs,
  };
}

/** The model as the checkpoint left it: the adapter merged in, or the weights that were trained in the place of its own. */
export function trainedModel(
  model: OpenedModel,
  state: TrainerState,
  config: RunConfig,
  start?: LoraAdapter,
): OpenedModel {
  const checkpoint =
    config.trained.kind === 'adapter'
      ? mergedCheckpoint(model.checkpoint, adapterOf(state, config, start))
      : withTrained(model.checkpoint, state);
  const { container, config: architecture, weightFiles, origin } = model;
  return {
    // Without a manifest: what comes out is another model than the pack that it may come from.
    ...{ container, config: architecture, weightFiles, checkpoint },
    origin: { ...origin, name: config.name },
    texts: (signal) => model.texts(signal),
  };
}

function withTrained(checkpoint: Checkpoint, { tensors }: TrainerState): Checkpoint {
  const all = new Map(checkpoint.tensors);
  for (const { name, shape, values } of tensors) {
    const stored = all.get(name);
    if (!stored) continue; // Moments, and the critic's.
    if (stored.shape.join() !== shape.join()) {
      throw new AppError('BAD_INPUT', `${name} of the checkpoint does not fit this model.`, {
        fix: 'Check that the model is the one that the run began from.',
      });
    }
    const width = rowLength(shape);
    const tensor: StoredTensor = {
      ...{ name, shape, format: 'F32', bytes: values.byteLength },
      readRows: (first, count) =>
        Promise.resolve({ kind: 'floats', values: values.slice(first * width, (first + count) * width) }),
    };
    all.set(name, tensor);
  }
  return { tensors: all };
}
