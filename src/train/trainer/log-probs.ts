/** Log-probabilities of the actions under a policy, over all episodes. */
import type { PolicyModel } from '../graph/policy-model';
import { expectNumbers } from './expect-numbers';
import type { Episodes } from './episodes';
import { cellsOf, type Pass } from './passes';

/** Into `grid`, the cells of the passes. */
export async function fillLogProbs(
  model: PolicyModel,
  episodes: Episodes,
  passes: readonly Pass[],
  grid: Float64Array,
  { signal, onPass }: { signal?: AbortSignal | undefined; onPass?: () => void },
): Promise<void> {
  for (const pass of passes) {
    const { cells, ...targets } = cellsOf(episodes, pass, episodes.masks.actions);
    const { logProbs } = await model.evaluate(pass.batch, targets, signal);
    expectNumbers(logProbs, 'log-probabilities');
    cells.forEach((cell, i) => (grid[cell] = logProbs[i]!));
    onPass?.();
  }
}

/** Those of the sampler, where it knew them; the episodes that lack them are named. */
export function sampledLogProbs({ rollouts, length, masks }: Episodes): {
  grid: Float64Array;
  missing: number[];
} {
  const grid = new Float64Array(masks.actions.length);
  const missing: number[] = [];
  rollouts.forEach(({ logProbs, promptLength, exactLogProbs }, i) => {
    if (!exactLogProbs) {
      missing.push(i);
      return;
    }
    for (let t = 0; promptLength + t < logProbs.length; t += 1) {
      const cell = i * length + t;
      if (masks.actions[cell] === 1) grid[cell] = logProbs[promptLength + t]!;
    }
  });
  return { grid, missing };
}
