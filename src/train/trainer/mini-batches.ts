/** Which episodes make an update. */
import type { Random } from '../../lm/random';
import type { PpoConfig } from '../ppo/config';

/**
 * Epochs of mini-batches of episode indices, in order or shuffled anew in every epoch. Where rollouts failed, the last mini-batch of
 * an epoch is smaller.
 */
export function planMiniBatches(
  episodes: number,
  { miniBatch, rolloutsPerPrompt, epochs, shuffleMiniBatches }: PpoConfig['batch'],
  random: Random,
): number[][][] {
  const size = Math.max(1, miniBatch * rolloutsPerPrompt);
  return Array.from({ length: epochs }, () => {
    const order = Array.from({ length: episodes }, (_, i) => i);
    if (shuffleMiniBatches) shuffle(order, random);
    const parts: number[][] = [];
    for (let i = 0; i < episodes; i += size) parts.push(order.slice(i, i + size));
    return parts;
  });
}

/** Fisher and Yates. */
function shuffle(order: number[], random: Random): void {
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}
