/** One update of the critic from a mini-batch. */
import type { AdamW } from '../optimiser';
import type { PpoConfig } from '../ppo/config';
import { valueLoss } from '../ppo/value-loss';
import { miniBatchWeights } from './advantages';
import type { Critic } from './critic';
import { expectNumbers } from './expect-numbers';
import type { Episodes } from './episodes';
import { planPasses, type PassSizes } from './passes';
import type { Means } from './step-metrics';

export interface CriticUpdate {
  critic: Critic;
  optimiser: AdamW;
  config: PpoConfig;
  episodes: Episodes;
  members: readonly number[];
  sizes: PassSizes;
  /** V when the rollouts were made. */
  oldValues: Float64Array;
  returns: Float64Array;
  learningRate: number;
  means: Means;
  signal?: AbortSignal | undefined;
  onPass: () => void;
}

export async function updateCritic(update: CriticUpdate): Promise<void> {
  const { critic, optimiser, config, episodes, members, oldValues, returns, means } = update;
  const mask = episodes.masks[config.valueMask];
  const weights = miniBatchWeights(episodes, members, mask, {
    // verl means the value loss over tokens, whatever the policy's aggregation is.
    ...{ aggregation: 'token-mean', meanOver: config.meanOver },
    microBatch: config.batch.criticMicroBatch,
  });
  await optimiser.clearGradients();
  let total = 0;
  const passes = planPasses(episodes, members, update.sizes);
  await critic.accumulate(
    episodes,
    passes,
    mask,
    (cells, values) => {
      expectNumbers(values, 'values');
      const at = (grid: Float64Array): Float64Array => Float64Array.from(cells, (cell) => grid[cell]!);
      const { loss, gradient, clipFraction } = valueLoss({
        ...{ values, oldValues: at(oldValues), returns: at(returns), clip: config.valueClip },
        ...{ mask: new Float64Array(cells.length).fill(1), weights: at(weights) },
      });
      total += loss;
      means.add('valueClipFraction', clipFraction, cells.length);
      const factor = config.valueCoefficient ?? 1;
      return gradient.map((slope) => factor * slope);
    },
    { signal: update.signal, onPass: update.onPass },
  );
  means.add('valueLoss', total);
  const { gradientNorm } = await optimiser.step(update.learningRate);
  means.add('valueGradientNorm', gradientNorm);
}
