/** Whether the log-probabilities that sampling gave are those of the sequences: the two come from different computations. */
import type { LoadedModel } from '../../lm/engine';
import type { Rollout } from '../records';

export interface SamplerCheckOptions {
  engine: Pick<LoadedModel, 'scoreSequences'>;
  /** The resident adapter that sampled. */
  adapter?: string;
  /** The rollouts'. */
  temperature: number;
  signal?: AbortSignal;
}

/**
 * The largest |sampled − recomputed| over the actions of rollouts with exact log-probabilities, in nats; undefined where there are
 * none. Computes every sequence once: a few rollouts are enough to see a sampler that is off.
 */
export async function samplerDeviation(
  rollouts: readonly Rollout[],
  { engine, adapter, temperature, signal }: SamplerCheckOptions,
): Promise<number | undefined> {
  const exact = rollouts.filter(({ failed, exactLogProbs }) => !failed && exactLogProbs === true);
  if (exact.length === 0) return undefined;
  const scores = await engine.scoreSequences(
    exact.map(({ tokens }) => tokens),
    { temperature, ...(adapter !== undefined && { adapter }), ...(signal && { signal }) },
  );
  let largest = 0;
  exact.forEach(({ actions, logProbs }, i) => {
    actions.forEach((action, at) => {
      if (action === 0) return;
      const difference = Math.abs((logProbs[at] ?? NaN) - (scores[i]?.[at - 1] ?? NaN));
      // A number that is none must not pass for a small one.
      if (!(difference <= largest)) largest = difference;
    });
  });
  return largest;
}
