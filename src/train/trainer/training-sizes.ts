/** How long episodes and passes may be: from a recipe's lengths, the model and the device. */
import type { BackendDescription } from '../../gpu/backend';
import type { ModelConfig } from '../../lm/config';
import { AppError } from '../../protocol/errors';
import { layerWidth, type TrainingSizes } from '../graph/activations';
import type { PpoConfig } from '../ppo/config';
import type { PassSizes } from './passes';

/** Bounds the logits of a block of tokens. */
const LOGITS_BYTES = 16 * 1024 * 1024;
const MOST_HEAD_ROWS = 256;
/** Rows that a pass should bring to keep the device busy. */
const PASS_TOKENS = { cpu: 4096, webgpu: 1024 } as const;
const MOST_SEQUENCES = 32;
/** Layers keep their activations where all of them together are no more than this. */
const KEPT_BYTES = 384 * 1024 * 1024;

export interface ModelSizes {
  /** The engine's. */
  context: number;
  trunk: TrainingSizes;
  passes: PassSizes;
}

export interface WantedSizes {
  maxContext?: number;
  maxTokens?: number;
  passTokens?: number;
}

/** @throws AppError BAD_INPUT */
export function trainingSizes(
  model: ModelConfig,
  { description }: { description: Pick<BackendDescription, 'kind'> },
  ppo: PpoConfig,
  wanted: WantedSizes,
): ModelSizes {
  const { prompt, response } = ppo.lengths;
  const context = wanted.maxContext ?? Math.min(model.nativePositions, prompt + response);
  // What an episode is trained on lies in the engine's window, prompt and response together.
  const capacity = wanted.maxTokens ?? context;
  const rows = wanted.passTokens ?? Math.max(capacity, PASS_TOKENS[description.kind]);
  if (capacity < 2 || capacity > model.maxPositions || rows < capacity) {
    throw new AppError(
      'BAD_INPUT',
      `Episodes of ${capacity} tokens cannot be trained in passes of ${rows}.`,
      {
        fix: `Choose at most ${model.maxPositions} tokens for an episode, and passes that are no shorter.`,
      },
    );
  }
  // Short episodes are computed together, long ones alone.
  const sequences = Math.max(1, Math.min(MOST_SEQUENCES, Math.ceil((4 * rows) / capacity)));
  const headRows = Math.max(
    1,
    Math.min(MOST_HEAD_ROWS, rows, Math.floor(LOGITS_BYTES / 4 / model.vocabSize)),
  );
  const caches = 2 * sequences * capacity * model.keyValueHeads * model.headSize;
  const keepLayers = 4 * model.layers * (rows * layerWidth(model) + caches) <= KEPT_BYTES;
  const trunk = { rows, sequences, capacity, headRows, keepLayers };
  return { context, trunk, passes: { rows, sequences } };
}
